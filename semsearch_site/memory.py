"""Gives the system back what the C library keeps of memory that was freed."""

from __future__ import annotations

import ctypes
import logging
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

TRIM_EVERY_S = 5.0
RELEASE_EVERY = 12  # times of these
# of mallopt(3); blocks as of the pixels of usual images are kept and used again: each page that is given back
# has to be asked for anew, which made a search with a megapixel a sixth slower
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
LARGE_BLOCK_BYTES = 8 * 2**20
KEPT_BYTES = 16 * 2**20  # at the end of each heap
HEAPS = 4  # that threads share


def return_large_blocks() -> None:
    """Have glibc give large blocks back when they are freed, as those of the pixels of large images.

    Left alone it learns from each to keep the next, of up to 32 MB, and of each thread's heap what is free at
    its end stays, even when the heap is trimmed. Only for a process that has not yet many threads.
    """
    option = getattr(ctypes.CDLL(None), "mallopt", None)
    if option is not None:
        option(_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
        option(_TRIM_THRESHOLD, KEPT_BYTES)
        option(_ARENA_MAX, HEAPS)


def trim_heap() -> None:
    """Give back whole pages of freed memory, which glibc keeps for each thread that ever took some.

    Takes some milliseconds of processor time. Other C libraries are left alone.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # malloc_trim(3)
    if trim is not None:
        trim(0)


def keep_trimming(release: Callable[[], None]) -> None:
    """Give memory back every few seconds, for as long as the process lives; once a minute `release` some."""
    turn = 0
    while True:
        time.sleep(TRIM_EVERY_S)
        turn += 1
        if turn % RELEASE_EVERY == 0:
            try:
                release()
            except Exception:  # as a database that is away: the next minute will do
                logger.exception("Memory could not be given back.")
        trim_heap()
