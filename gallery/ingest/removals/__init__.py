"""How images and datasets go: hidden, missing, in the bin, for good."""
