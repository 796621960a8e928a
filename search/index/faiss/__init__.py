"""The door to FAISS: builds an index, tunes it, keeps it as generations of files, searches it."""
