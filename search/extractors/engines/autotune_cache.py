"""Keeps what was measured and chosen on a machine in files, so that it is measured once."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from gallery.system.concurrency.cores import usable_cores

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

CPUINFO = Path("/proc/cpuinfo")
Choice = TypeVar("Choice", bound="DataclassInstance")


def processor_flags() -> frozenset[str]:
    """Return what the processor can do, as Linux names it; nothing where that is not known."""
    try:
        lines = CPUINFO.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    # "Features" on Arm
    named = (line.partition(":")[2] for line in lines if line.startswith(("flags", "Features")))
    return frozenset(next(named, "").split())


def machine_key(version: str) -> str:
    """Return a short name of this processor, its usable cores and the version of an engine."""
    parts = [version, str(usable_cores()), *sorted(processor_flags())]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


def kept(path: Path, kind: type[Choice], choose: Callable[[], Choice]) -> Choice:
    """Return the choice kept in a file; when there is none, choose and keep it.

    Of several processes one chooses, with the others waiting for it instead of disturbing its measurement.
    """
    found = _read(path, kind)
    if found is not None:
        return found
    with path.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _read(path, kind)  # another process may just have chosen
        if found is None:
            found = choose()
            _write(path, found)
        return found


def _read(path: Path, kind: type[Choice]) -> Choice | None:
    try:
        return kind(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # missing, damaged, or of another version: choose again
        return None


def _write(path: Path, choice: Choice) -> None:
    descriptor, aside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(choice), file, indent=1)
    Path(aside).replace(path)
