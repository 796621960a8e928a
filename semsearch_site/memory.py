"""Gives the system back what the C library keeps of memory that was freed."""

from __future__ import annotations

import ctypes
import time

TRIM_EVERY_S = 5.0


def trim_heap() -> None:
    """Give back whole pages of freed memory, which glibc keeps for each thread that ever took some.

    Takes some milliseconds of processor time. Other C libraries are left alone.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # malloc_trim(3)
    if trim is not None:
        trim(0)


def keep_trimming() -> None:
    """Give memory back every few seconds, for as long as the process lives."""
    while True:
        time.sleep(TRIM_EVERY_S)
        trim_heap()
