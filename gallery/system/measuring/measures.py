"""What this process measures while the site works, and what all processes of the site do.

A long-lived process shares what it measures with the others of its site (`share`): its numbers lie in files
that any of them can read. Any other process, as a command, measures for itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gallery.system.measuring import seats
from gallery.system.measuring.prometheus_metrics import Measures

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

# Bytes that the files of a process take from the start. On a full disk a file that had to grow would end its
# process: what is written into it as memory cannot be refused.
RESERVED_BYTES: Final = {
    "counter": 2**19,
    "histogram": 2**20,
    "gauge_livesum": 2**16,
    "gauge_mostrecent": 2**16,
}

_measures: Measures | None = None
_making = threading.RLock()
# the seat under which this process shares what it measures, and the folder of all
_seat = ""
_folder: Path | None = None


def here() -> Measures:
    """Return what this process measures with."""
    return _measures or _made()


def _made() -> Measures:
    global _measures
    from prometheus_client import values

    with _making:
        if _measures is None:
            values.ValueClass = values.MultiProcessValue(lambda: _seat) if _seat else values.MutexValue
            _measures = Measures()
        return _measures


def share(folder: Path, role: str) -> None:
    """Share what this process measures from now on, under a seat of its role.

    Raises: OSError where the folder cannot be written; then the process measures for itself.
    """
    global _measures, _seat, _folder
    with _making:
        _watch_forks()
        seat = seats.take(folder, role)
        try:
            for kind, size in RESERVED_BYTES.items():
                path = folder / f"{kind}_{seat}.db"
                if kind == "gauge_livesum":
                    path.unlink(missing_ok=True)  # of who had the seat before
                _reserve(path, size)
        except OSError:
            seats.leave()
            raise
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        _seat, _folder, _measures = seat, folder, None
        here()


def _reserve(path: Path, size: int) -> None:
    """Let a file have so many bytes, zeros where there were none; nobody sees one that is not whole."""
    if path.exists() and path.stat().st_size >= size:
        return
    aside = path.with_suffix(".new")
    try:
        with aside.open("wb") as file:
            if path.exists():
                file.write(path.read_bytes())
            os.posix_fallocate(file.fileno(), 0, size)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


@cache
def _watch_forks() -> None:
    os.register_at_fork(after_in_child=_forget)


def _forget() -> None:
    """Measure for itself: what a forked process inherits is its parent's."""
    global _measures, _seat, _folder
    seats.leave()
    _measures, _seat, _folder = None, "", None


def clean(folder: Path) -> None:
    """Remove the numbers of processes that are gone, as at the start of a site."""
    living = {holder.seat for holder in seats.holders(folder)}
    for path in folder.glob("*.*"):
        if path.stem.rpartition("_")[2] not in living:
            path.unlink(missing_ok=True)


def families() -> Iterator[Metric]:
    """Yield every metric with its numbers: those of all processes, where this one shares its own."""
    if _folder is None:
        yield from here().registry.collect()
        return
    from prometheus_client.multiprocess import MultiProcessCollector

    living = {holder.seat for holder in seats.holders(_folder)}
    files = [
        str(path)
        for path in sorted(_folder.glob("*.db"))
        if "_live" not in path.name or path.stem.rpartition("_")[2] in living
    ]
    found = {metric.name: metric for metric in MultiProcessCollector.merge(files)}
    for metric in here().catalogue():
        yield found.get(metric.name, metric)


def folder() -> Path | None:
    """Return where the processes of this site share what they measure; None where this one does not."""
    return _folder
