"""Remembers of large files that they were checked, so that a start reads those alone that were touched."""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

SEAL_FILE = "checked.json"

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
    aside = folder / f".{SEAL_FILE}-{os.getpid()}-{secrets.token_hex(4)}"
    with suppress(OSError):
        aside.write_text(json.dumps(states))
        aside.replace(folder / SEAL_FILE)


def unseal(folder: Path) -> None:
    """Forget it: whoever opens the folder next looks at everything, and finds what is damaged."""
    with suppress(OSError):
        (folder / SEAL_FILE).unlink(missing_ok=True)
