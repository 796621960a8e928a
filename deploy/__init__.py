"""How the site is installed, and how it is run on servers."""
