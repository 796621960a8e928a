"""The door to FAISS and Milvus: builds indexes, searches them, and judges what they find."""
