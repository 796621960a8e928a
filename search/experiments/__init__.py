"""Compares networks, layers and metrics on labelled images, and promotes the best to live search."""
