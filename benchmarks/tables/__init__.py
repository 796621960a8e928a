"""The tables of figures in the documents: each a function from results to text."""
