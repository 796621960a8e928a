"""Backups: the whole state in one file, and back into an empty home on either database."""
