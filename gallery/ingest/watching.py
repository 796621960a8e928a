"""Waits until the files below a folder have changed, and have stopped changing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from gallery.ingest.sources.member_names import is_hidden

EVERY_S = 2.0

# path -> (size in bytes, time of the last change in nanoseconds)
Snapshot = dict[str, tuple[int, int]]


def changes(
    folder: Path, *, every_s: float = EVERY_S, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Yield at once, and then whenever files came, went or changed, once two looks in turn are alike.

    It looks instead of being told: network drives tell nobody. What changes while the caller works on the
    last change is the next one.
    """
    known = snapshot(folder)
    yield
    while True:
        sleep(every_s)
        now = snapshot(folder)
        if now == known:
            continue
        while (later := _after(folder, every_s, sleep)) != now:
            now = later
        known = now
        yield


def snapshot(folder: Path) -> Snapshot:
    """Return size and time of every file below a folder that is not hidden."""
    found: Snapshot = {}
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not is_hidden(name)]
        for name in files:
            path = Path(root, name)
            try:
                status = path.stat()
            except OSError:  # it went in this moment, or is a link to nothing
                continue
            found[str(path)] = (status.st_size, status.st_mtime_ns)
    return found


def _after(folder: Path, every_s: float, sleep: Callable[[float], None]) -> Snapshot:
    sleep(every_s)
    return snapshot(folder)
