"""Places for work that takes long and needs little: a few at a time, so that it never holds every thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gallery.errors import BusyError


class Places:
    """A number of places, and as many more where to wait for one for a short while."""

    def __init__(self, count: int, wait_s: float, full: str) -> None:
        self._free = threading.BoundedSemaphore(count)
        self._may_wait = threading.BoundedSemaphore(2 * count)
        self._wait_s, self._full = wait_s, full

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place. Raises: BusyError where none becomes free in time, or too many wait already."""
        if not self._may_wait.acquire(blocking=False):
            raise BusyError(self._full)
        try:
            if not self._free.acquire(timeout=self._wait_s):
                raise BusyError(self._full)
            try:
                yield
            finally:
                self._free.release()
        finally:
            self._may_wait.release()
