"""Bounds what one request may ask of this process that takes as long as many searches.

All examples of a request together have a time in which they are read. Requests that read many, search many
times or ask for a page far behind take a quarter of the web server's threads at most, so that usual searches
always find one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from django.conf import settings

from gallery.access import audit
from gallery.errors import BusyError
from gallery.system.concurrency.places import Places

EXAMPLES_WITHIN_S = 10.0
FEW_READ = 4  # examples that are read and go through a network: such a search is a usual one
DEEP = 2_000  # hits: what is before a page is read as well
SHARE = 4
TOO_LONG = "Reading the examples takes too long: search with fewer of them, or with smaller images."
FULL = "Many searches are being answered that take long: try again in a moment."

_here = threading.local()


@contextmanager
def reading() -> Iterator[float]:
    """Count what is done inside as the reading of examples of a request; yields the seconds that are left.

    Commands and jobs, which hold up nobody, begin anew each time. Raises: BusyError where none are left.
    """
    request = audit.request()
    spent_s: float = getattr(request, "examples_read_s", 0.0)
    left_s = max(EXAMPLES_WITHIN_S, settings.FETCH_TIMEOUT_S) - spent_s
    if left_s <= 0:
        raise BusyError(TOO_LONG)
    began = time.monotonic()
    try:
        yield left_s
    finally:
        if request is not None:
            request.examples_read_s = spent_s + time.monotonic() - began  # type: ignore[attr-defined]


@contextmanager
def place() -> Iterator[None]:
    """Hold one of the places for what takes long; what is asked inside has it too. Raises: BusyError."""
    if getattr(_here, "held", False):
        yield
        return
    with _places(max(1, settings.WEB_THREADS // SHARE), settings.WEB_QUEUE_S).place():
        _here.held = True
        try:
            yield
        finally:
            _here.held = False


@lru_cache(maxsize=1)
def _places(count: int, wait_s: float) -> Places:
    return Places(count, wait_s, FULL)
