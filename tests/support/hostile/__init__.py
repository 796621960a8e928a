"""Generators of files that were made to do harm, all seeded: images and archives."""
