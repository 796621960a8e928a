"""The door to umap-learn and scikit-learn: vectors in, maps in the plane and their quality out."""
