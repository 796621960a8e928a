"""Remembers of large files that they were checked, and of a generation that it was found damaged.

A start then reads those large files alone that were touched, and opens nothing that is known to be damaged.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

SEAL_FILE = "checked.json"
DAMAGED_FILE = "damaged.json"

# size, last write, last change of any kind (which no program can set) and number of a file
FileState = list[int]


def state_of(path: Path) -> FileState:
    """Return what tells whether a file has been touched."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def sealed(folder: Path) -> dict[str, FileState]:
    """Return the state of each large file when it was last found to be whole."""
    try:
        values = json.loads((folder / SEAL_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def seal(folder: Path, states: dict[str, FileState]) -> None:
    """Write down that these files are whole. Where the folder cannot be written, each start reads them."""
    with suppress(OSError):
        _put(folder, SEAL_FILE, json.dumps(states))


def unseal(folder: Path) -> None:
    """Forget it: whoever opens the folder next looks at everything, and finds what is damaged."""
    with suppress(OSError):
        (folder / SEAL_FILE).unlink(missing_ok=True)


def condemn(folder: Path, name: str, reason: str) -> None:
    """Write down that a file is damaged, for every process: it counts until the file is touched."""
    unseal(folder)
    with suppress(OSError):
        found = {"file": name, "state": state_of(folder / name), "reason": reason}
        _put(folder, DAMAGED_FILE, json.dumps(found))


def condemned(folder: Path) -> str:
    """Return what was found to be wrong with a folder's files, "" for nothing."""
    try:
        found = json.loads((folder / DAMAGED_FILE).read_text())
        return str(found["reason"]) if state_of(folder / found["file"]) == found["state"] else ""
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _put(folder: Path, name: str, text: str) -> None:
    """Write a file that appears whole or not at all. Raises: OSError."""
    aside = folder / f".{name}-{os.getpid()}-{secrets.token_hex(4)}"
    aside.write_text(text)
    aside.replace(folder / name)
