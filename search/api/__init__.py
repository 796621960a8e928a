"""The addresses of search in the REST interface."""
