"""Starts the parts of the site, watches them, and ends them with it."""
