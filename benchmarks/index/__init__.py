"""Benchmarks of an index of a million vectors."""
