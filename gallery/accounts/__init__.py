"""The pages and REST endpoints by which people manage their own account and its tokens."""
