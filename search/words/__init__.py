"""Images found by words: labels, names and metadata that people gave, and what a classifier sees."""
