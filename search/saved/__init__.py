"""Saved searches: query documents under names, which are live collections of images as well."""
