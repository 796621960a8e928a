"""Seats of the long-lived processes of a site: each holds one for as long as it lives, however it ends.

A seat is a locked file, `ROLE-NUMBER.seat`, that names its holder; the kernel frees it with the process. A
new process takes the first free one of its role, so there are never more seats than processes at a time, and
what was kept under a seat goes on with the next who takes it.
"""

from __future__ import annotations

import fcntl
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ENDING = ".seat"
MOST_OF_A_ROLE = 1000


@dataclass(frozen=True)
class Holder:
    """A process that lives: the name of its seat, its role, and its number on its host."""

    seat: str
    role: str
    host: str
    pid: int


# the seat of this process, which is locked while the file is open
_own: tuple[str, IO[str]] | None = None


def take(folder: Path, role: str) -> str:
    """Take a seat for this process, in place of one that it has, and return its name.

    Raises: OSError where the folder cannot be written.
    """
    global _own
    leave()
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(MOST_OF_A_ROLE):
        name = f"{role}-{number}"
        file = (folder / f"{name}{ENDING}").open("a+")
        if not _locks(file):
            file.close()
            continue
        file.truncate(0)
        file.write(f"{socket.gethostname()}\n{os.getpid()}\n")
        file.flush()
        _own = name, file
        return name
    raise OSError(f"There are {MOST_OF_A_ROLE} processes of the role {role} already.")


def leave() -> None:
    """Give the seat of this process back, if it has one; a forked one lets go of its parent's."""
    global _own
    if _own is not None:
        # the lock goes with the last copy of the open file: a child lets go of its copy only
        _own[1].close()
        _own = None


def holders(folder: Path) -> list[Holder]:
    """Return who holds a seat, by role and number."""
    found = (_holder(path) for path in sorted(folder.glob(f"*{ENDING}")))
    return [holder for holder in found if holder is not None]


def _holder(path: Path) -> Holder | None:
    """Return who holds a seat, None where it is free."""
    name = path.name.removesuffix(ENDING)
    try:
        with path.open() as file:
            if (_own is None or _own[0] != name) and _locks(file):
                return None
            host, pid = file.read().split()
    except (OSError, ValueError):  # removed, or taken in this moment
        return None
    return Holder(name, name.rpartition("-")[0], host, int(pid))


def _locks(file: IO[str]) -> bool:
    """Lock a file if nobody else has."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
