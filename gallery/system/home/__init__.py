"""The home and the storage: what lies there, whose it is, whether there is room."""
