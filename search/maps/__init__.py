"""Maps of embeddings in the plane: computed by jobs, kept as files, read as points."""
