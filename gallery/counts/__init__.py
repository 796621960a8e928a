"""Counts of images by dataset and category, kept by triggers in the database."""
