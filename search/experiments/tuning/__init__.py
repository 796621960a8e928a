"""Tunes the features of a dataset to its categories, and says what that brings."""
