"""How many cores this process may compute on, and turns on the core of a process that is held to one."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager, nullcontext

_held_to = 0
_the_core = threading.Lock()


def hold_to(cores: int) -> None:
    """Let what begins from now on compute on at most so many cores; 0 for all."""
    global _held_to
    _held_to = cores


def held() -> bool:
    """Whether this process is held to some of the cores."""
    return _held_to > 0


def usable_cores() -> int:
    """Return how many cores this process may compute on."""
    return min(_allowed_cores(), _held_to) if _held_to > 0 else _allowed_cores()


def turn() -> AbstractContextManager[object]:
    """Return a turn on the core, to be held while decoding or running a network.

    A process that is held to one core then takes no more than that, and one worker a core gets in no other's
    way; reading, writing and the database go on beside it. With more cores nobody takes turns.
    """
    return _the_core if usable_cores() == 1 else nullcontext()


def _allowed_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
