"""What is searched with: images, parts of them, words and free text, put together to one query."""
