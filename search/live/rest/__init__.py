"""How a search is asked in the REST interface."""
