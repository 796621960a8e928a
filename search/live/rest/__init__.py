"""What a search is asked in the REST interface, and what it answers."""
