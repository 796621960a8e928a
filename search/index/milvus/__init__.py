"""The door to Milvus: the same index as collections of a server."""
