"""Lets several who ask for the same at once wait for one who makes it, and a few make things at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

from gallery.errors import BusyError
from gallery.system.concurrency.places import Places

Made = TypeVar("Made")


class SingleFlight(Generic[Made]):
    """What is being made in this process, by key; no more than `most` ask at a time, whoever makes it."""

    def __init__(self, places: Places, most: int, wait_s: float, late: str) -> None:
        self._places, self._wait_s, self._late = places, wait_s, late
        self._may_ask = threading.BoundedSemaphore(most)
        self._flights: dict[Hashable, Future[Made]] = {}
        self._lock = threading.Lock()

    def do(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` returns here, or in the thread that is making the same already.

        Raises: BusyError where there is no place, or it takes too long; and what `make` raises.
        """
        if not self._may_ask.acquire(blocking=False):
            raise BusyError(self._late)
        try:
            return self._do(key, make)
        finally:
            self._may_ask.release()

    def _do(self, key: Hashable, make: Callable[[], Made]) -> Made:
        with self._lock:
            flight = self._flights.get(key)
            mine = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        if mine:
            self._make(key, flight, make)
        try:
            return flight.result(self._wait_s)
        except TimeoutError:
            raise BusyError(self._late) from None

    def _make(self, key: Hashable, flight: Future[Made], make: Callable[[], Made]) -> None:
        try:
            with self._places.place():
                flight.set_result(make())
        except BaseException as error:  # whoever waits is told of it as well
            flight.set_exception(error)
        finally:
            with self._lock:
                del self._flights[key]
