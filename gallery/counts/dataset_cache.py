"""Remembers what was made of the images of some datasets, for as long as they stay as they are."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from gallery.models import Dataset

Value = TypeVar("Value")


class DatasetCache(Generic[Value]):
    """At most `size` values, for all threads: the one that was used longest ago makes room for the next."""

    def __init__(self, size: int) -> None:
        self.size = size
        # with the revision that each was made of
        self._values: OrderedDict[Hashable, tuple[int, Value]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, dataset: Dataset, make: Callable[[Value | None], Value], *variant: Hashable) -> Value:
        """Return what is remembered of a dataset as it was read, or else what `make` returns.

        `make` is given the value of an earlier revision where there is one. Values of several variants, such
        as one a seed, stand beside each other.
        """
        # a dataset's key may return after a restored backup, with other images: the date tells them apart
        key = (dataset.pk, dataset.created_at, *variant)
        with self._lock:
            revision, value = self._values.get(key, (None, None))
            if value is not None and revision == dataset.revision:
                self._values.move_to_end(key)
                return value
        # made outside the lock, by several at once where several ask
        value = make(value)
        with self._lock:
            self._values[key] = (dataset.revision, value)
            self._values.move_to_end(key)
            while len(self._values) > self.size:
                self._values.popitem(last=False)
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()

    def __len__(self) -> int:
        return len(self._values)
