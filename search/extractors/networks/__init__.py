"""The networks: what is in them, where their weights come from, how Keras builds them."""
