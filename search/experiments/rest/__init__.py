"""What is asked of experiments and indexes in the REST interface, and what is answered."""
