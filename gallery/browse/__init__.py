"""Reads for people: summaries, windows of a grid, pages of a list, filters, facets, what lies in the bin."""
