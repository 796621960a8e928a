"""Tests of what keeps the state in order."""
