"""The folders of the storage whose images visitors may ask for; another application adds its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, TypeAlias

# opens what an address names; raises FileNotFoundError
Opener: TypeAlias = Callable[[str], IO[bytes]]

_served: dict[str, Opener | None] = dict.fromkeys(("images", "thumbnails", "atlases"))


def serve(folder: str, opener: Opener | None = None) -> None:
    """Let visitors ask for the images in a folder of the storage and below it.

    An `opener` gives an image that is no file of its own there.
    """
    _served[folder] = opener


def opener_of(folder: str) -> Opener | None:
    """Return what opens the images of a folder; None for the storage itself."""
    return _served.get(folder)


def is_served(folder: str) -> bool:
    """Whether visitors may ask for what lies in a folder."""
    return folder in _served
