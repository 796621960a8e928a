"""Whether there is enough free space on the disks that the site writes to.

Below `MIN_FREE_MB` nothing is stored: what is left belongs to what runs already, to the database's own files
and to whoever comes to delete something.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from django.conf import settings

from gallery.errors import DiskFullError
from gallery.system import outages

LOOKED_AT_EVERY_S = 1.0
RESTS = "Waits until the disk has free space and can be written to; goes on by itself."

_seen: tuple[float, float, Path] | None = None


def free_mb() -> tuple[float, Path]:
    """Return how many megabytes (of 2^20 bytes) the fullest of the disks has left, and a folder on it.

    One that can only be read has none. What was seen a second ago counts.
    """
    global _seen
    now = time.monotonic()
    if _seen is None or now - _seen[0] > LOOKED_AT_EVERY_S:
        _seen = (now, *min((_free_mb(folder), folder) for folder in _folders()))
    return _seen[1:]


def shortage(extra_bytes: float = 0) -> DiskFullError | None:
    """Return what to say where so many bytes must not be stored now; None where they may."""
    free, folder = free_mb()
    is_low = free < settings.MIN_FREE_MB
    if is_low:
        outages.DISK.began(f"{free:.0f} MB at {folder}, MIN_FREE_MB is {settings.MIN_FREE_MB}")
    else:
        outages.DISK.ended()
    if free - extra_bytes / 2**20 >= settings.MIN_FREE_MB:
        return None
    inner = f"{free:.0f} MB are free at {folder}; MIN_FREE_MB is {settings.MIN_FREE_MB}"
    return DiskFullError(outages.DISK_FULL, inner=inner)


def is_low() -> bool:
    """Whether nothing is to be stored now."""
    return shortage() is not None


def check() -> None:
    """Raises: DiskFullError where nothing is to be stored now."""
    if found := shortage():
        raise found


def forget() -> None:
    """Look anew at the next question."""
    global _seen
    _seen = None


def _folders() -> list[Path]:
    """Return where the site writes; where pictures are in a bucket, the folder for them does not count."""
    own = [settings.SEMSEARCH_HOME, settings.INDEX_ROOT, settings.CACHE_ROOT]
    return own if settings.STORAGE_BUCKET else [*own, settings.MEDIA_ROOT]


def _free_mb(folder: Path) -> float:
    for path in (folder, *folder.parents):
        try:
            found = os.statvfs(path)
        except OSError:  # not made yet, or not there
            continue
        return 0.0 if found.f_flag & os.ST_RDONLY else found.f_bavail * found.f_frsize / 2**20
    return 0.0
