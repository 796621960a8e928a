"""The networks of this installation: which there are, their weights, and models that somebody adds."""
