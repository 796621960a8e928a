"""Keeps what is costly to make for as long as it is used."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Kept = TypeVar("Kept")


class KeptWhileUsed(Generic[Key, Kept]):
    """What was made for each key, `most` at a time: the least lately used goes first. Safe in threads."""

    def __init__(
        self, make: Callable[[Key], Kept], most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make, self._most, self._clock = make, most, clock
        self._making = threading.Lock()
        self._kept: dict[Key, Kept] = {}
        self._used_at: dict[Key, float] = {}

    def get(self, key: Key) -> Kept:
        """Return what is kept for a key; the first call makes it, while others wait."""
        found = self.kept(key)
        if found is None:
            with self._making:
                found = self.kept(key)
                if found is None:
                    found = self._make(key)
                    self._used_at[key] = self._clock()
                    self._kept[key] = found
                    self._drop(sorted(self._kept, key=self._used_at.__getitem__)[: -self._most])
        return found

    def kept(self, key: Key) -> Kept | None:
        """Return what is kept for a key, None where nothing is."""
        found = self._kept.get(key)
        if found is not None:
            self._used_at[key] = self._clock()
        return found

    def unused(self, for_s: float) -> list[Key]:
        """Return the keys that nobody has asked for so long."""
        now = self._clock()
        return [key for key in list(self._kept) if now - self._used_at[key] >= for_s]

    def drop(self, keys: Collection[Key]) -> None:
        """Keep these no longer; who still works with one has it until then."""
        with self._making:
            self._drop(keys)

    def _drop(self, keys: Collection[Key]) -> None:
        for key in keys:
            self._kept.pop(key, None)
