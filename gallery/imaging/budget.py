"""Shares the memory for decoding out among threads, in the order of their asking.

What is decoded is held against it too, until whoever asked lets go of it.

An eighth of the memory is for small images, so that none of them ever waits for a large one; the rest is for
those that decoder processes work on.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gallery.errors import BusyError
from gallery.system.measuring import measures


@dataclass(eq=False)
class _Turn:
    """One thread that waits: what it asked for, of how much, and how it is told."""

    amount: int
    capacity: int
    has_come: threading.Event = field(default_factory=threading.Event)


class FairShare:
    """An amount that threads take parts of; who asked first is served first, however much the others ask."""

    def __init__(self, name: str = "") -> None:
        self._lock = threading.Lock()
        self._used = 0
        self._name = name  # in the metrics, "" for none there
        self._turns: deque[_Turn] = deque()

    @property
    def used(self) -> int:
        """How much is taken."""
        return self._used

    @contextmanager
    def taken(
        self, amount: int, capacity: int, wait_s: float, most_waiting: int | None = None
    ) -> Iterator[Part]:
        """Hold a part of `capacity`, which is at least that much, while inside, or less of it before long.

        Raises: BusyError after waiting so many seconds, or where so many wait already.
        """
        self._take(amount, capacity, wait_s, most_waiting)
        part = Part(self, amount)
        try:
            yield part
        finally:
            part.keep(0)

    def _take(self, amount: int, capacity: int, wait_s: float, most_waiting: int | None) -> None:
        with self._lock:
            if not self._turns and self._used + amount <= capacity:
                self._used += amount
                self._tell_now()
                return
            if most_waiting is not None and len(self._turns) >= most_waiting:
                raise _busy()
            turn = _Turn(amount, capacity)
            self._turns.append(turn)
            self._tell_now()
        if turn.has_come.wait(wait_s):
            return
        with self._lock:
            if turn.has_come.is_set():  # in this moment
                return
            self._turns.remove(turn)
            self._next_turns()
        raise _busy()

    def _give_back(self, amount: int) -> None:
        with self._lock:
            self._used -= amount
            self._next_turns()

    def _next_turns(self) -> None:
        while self._turns and self._used + self._turns[0].amount <= self._turns[0].capacity:
            turn = self._turns.popleft()
            self._used += turn.amount
            turn.has_come.set()
        self._tell_now()

    def _tell_now(self) -> None:
        if self._name:
            measures.here().decodes_are(self._name, self._used, len(self._turns))


class Part:
    """A part of a share that one thread holds."""

    def __init__(self, share: FairShare, amount: int) -> None:
        self._share, self._amount = share, amount

    def keep(self, amount: int) -> None:
        """Give back all but so much of it."""
        self._share._give_back(self._amount - amount)
        self._amount = amount


def _busy() -> BusyError:
    return BusyError("Too many large images are being read just now: try again in some seconds.")


class Patience:
    """How long somebody still waits, over several things that are waited for."""

    def __init__(self, wait_s: float) -> None:
        self._until = time.monotonic() + wait_s

    @property
    def left_s(self) -> float:
        """Seconds that are left, never negative."""
        return max(0.0, self._until - time.monotonic())


# bytes for images that are decoded where they are asked for
SMALL = FairShare("small")
# bytes for images that decoder processes decode, and how many of those work at a time
LARGE = FairShare("large")
PLACES = FairShare("process")


def small_bytes(memory_bytes: int) -> int:
    """Return how much of the memory for decoding is for small images."""
    return memory_bytes // 8


def large_bytes(memory_bytes: int) -> int:
    """Return how much of the memory for decoding is for decoder processes."""
    return memory_bytes - small_bytes(memory_bytes)


def largest_small_bytes(memory_bytes: int) -> int:
    """Return what a small image takes at most: two of them have room at any time."""
    return small_bytes(memory_bytes) // 2
