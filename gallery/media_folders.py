"""The folders of the storage whose images visitors may ask for; another application adds its own."""

from __future__ import annotations

_served = {"images", "thumbnails", "atlases"}


def serve(folder: str) -> None:
    """Let visitors ask for the images in a folder of the storage and below it."""
    _served.add(folder)


def is_served(folder: str) -> bool:
    """Whether visitors may ask for what lies in a folder."""
    return folder in _served
