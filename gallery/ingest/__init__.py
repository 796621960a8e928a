"""From folders, archives, uploads and addresses to stored images, and their removal."""
