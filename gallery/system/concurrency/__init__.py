"""Threads and processes beside each other: cores, locks, places, what is made once."""
