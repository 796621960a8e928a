"""What a search, its hits and its configuration look like in answers, as plain values."""
