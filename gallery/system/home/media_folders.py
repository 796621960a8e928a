"""The folders of the storage: whose images visitors may ask for, and which have a folder for each dataset.

Another application adds its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Final, TypeAlias

RENDITIONS: Final = "renditions"  # one folder an image below it

# opens what an address names; raises FileNotFoundError
Opener: TypeAlias = Callable[[str], IO[bytes]]

_served: dict[str, Opener | None] = dict.fromkeys(("images", "thumbnails", "atlases"))
_of_datasets = ["images", "thumbnails", "atlases"]


def keep_by_dataset(*folders: str) -> None:
    """Make folders known that have one for each dataset, named by its id, which goes with the dataset."""
    _of_datasets.extend(folder for folder in folders if folder not in _of_datasets)


def of_datasets() -> list[str]:
    """Return the folders that have one for each dataset."""
    return list(_of_datasets)


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
