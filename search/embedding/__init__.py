"""Makes the embeddings of images: while they are imported, and for those that still lack one."""
