"""The documents as a site: how they are built, what of them is made from the code, and how they are shown."""
