"""Reads for people: summaries of datasets and images, windows of a grid, pages of a list."""
