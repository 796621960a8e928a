"""How much the parts of the site take on disk; found out now and then, because it looks at every file."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from django.db import connection

MEDIA = "media"
OTHERS = "other"
# What has a number of its own: other folders may have any names, and there may be any number of them.
PARTS = frozenset(("backups", "broker", "cache", "indexes", "metrics", "static", "tmp", "weights"))
MEDIA_PARTS = frozenset(
    ("atlases", "feature-maps", "features", "images", "projections", "thumbnails", "trash", "uploads")
)
FILES_AT_A_TIME, PAUSE_S = 1000, 0.002


def measured(home: Path) -> dict[str, int]:
    """Return the bytes on disk of each part of the state folder, and of the database.

    It gives other threads room every thousand files; a million of them take some seconds.
    """
    sizes: Counter[str] = Counter({"database": _server_bytes()})
    for number, (path, size) in enumerate(_files(home, ())):
        sizes[_part(path)] += size
        if number % FILES_AT_A_TIME == 0:
            time.sleep(PAUSE_S)
    return dict(sizes)


def _files(folder: Path, parts: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield every file below a folder, as its path from the state folder, with what it takes on disk."""
    try:
        entries = list(os.scandir(folder))
    except OSError:  # removed in this moment, or not ours to read
        return
    for entry in entries:
        path = (*parts, entry.name) if len(parts) < 2 else parts
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path), path)
            else:
                yield path, entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            continue


def _part(path: tuple[str, ...]) -> str:
    top, *rest = path
    if not rest:
        return "database" if ".sqlite3" in top else OTHERS
    if top == MEDIA:
        return rest[0] if rest[0] in MEDIA_PARTS else OTHERS
    return top if top in PARTS else OTHERS


def _server_bytes() -> int:
    """Return what the database takes on its server; 0 where it is a file here."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])
