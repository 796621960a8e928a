"""Benchmarks of several workers, and of what survives kills."""
