"""Keeps the state folder to the account that it belongs to."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path


def close_to_others(home: Path, mode: int, say: Callable[[str], object]) -> None:
    """Take from the state folder, and from what lies directly in it, every right beyond `mode`; say so.

    New files are made with no more (`HOME_MODE`); this is for folders of earlier versions. What lies deeper
    cannot be reached from outside then, however many files there are.
    """
    if not home.is_dir():
        return
    before = stat.S_IMODE(home.stat().st_mode)
    try:
        closed = [path for path in (home, *sorted(home.iterdir())) if _closed(path, mode)]
    except OSError as error:
        say(f"Others may be able to read {home}, and this account cannot change it: {error.strerror}.")
        return
    if closed:
        say(f"Closed {home} and what lies in it to others (HOME_MODE={mode:04o}; it was {before:04o}).")


def _closed(path: Path, mode: int) -> bool:
    """Take rights away and tell whether there were some to take; a link is not followed."""
    found = path.lstat().st_mode
    if not (stat.S_ISDIR(found) or stat.S_ISREG(found)):
        return False
    allowed = mode if stat.S_ISDIR(found) else mode & 0o666
    excess = stat.S_IMODE(found) & 0o777 & ~allowed
    # a program in it stays one for its owner
    excess &= ~0o100
    if excess:
        path.chmod(stat.S_IMODE(found) & ~excess)
    return bool(excess)
