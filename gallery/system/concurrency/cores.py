"""How many cores this process may compute on, and a lock for the core of a process that is limited to one."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager, nullcontext

_limit = 0
_core = threading.Lock()


def limit_cores(cores: int) -> None:
    """Let what begins from now on compute on at most so many cores; 0 for all."""
    global _limit
    _limit = cores


def is_core_limited() -> bool:
    """Whether this process is limited to some of the cores."""
    return _limit > 0


def usable_cores() -> int:
    """Return how many cores this process may compute on."""
    return min(_allowed_cores(), _limit) if _limit > 0 else _allowed_cores()


def core_lock() -> AbstractContextManager[object]:
    """Return the lock of the core, to be held while decoding or running a network.

    The threads of a process that is limited to one core then take no more than that, and one worker a core
    gets in no other's way; reading, writing and the database go on beside it. With more cores nothing waits.
    """
    return _core if usable_cores() == 1 else nullcontext()


def _allowed_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
