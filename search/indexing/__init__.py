"""Keeps one search index for each dataset and feature spec up to date with the database."""
