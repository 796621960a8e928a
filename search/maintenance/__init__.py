"""Keeps the state in order: what is done on schedule, verification, and backups."""
