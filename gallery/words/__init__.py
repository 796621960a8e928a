"""The words that are suggested for images, apart from the labels that people give them."""
