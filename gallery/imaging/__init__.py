"""The door to Pillow and the decoders, and what is made of an image: thumbnails and sprite sheets."""
