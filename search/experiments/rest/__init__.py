"""How experiments and indexes are asked in the REST interface."""
