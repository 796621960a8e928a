"""Fetches the image of an address for somebody who waits, in places of which there are few."""

from __future__ import annotations

import math
from functools import lru_cache

from django.conf import settings

from gallery.ingest.download import Fetched, FetchLimits, fetch
from gallery.system.concurrency.places import Places


def fetch_image(url: str, within_s: float = math.inf) -> Fetched:
    """Return what a URL leads to; it has `FETCH_TIMEOUT_S`, or less where that is asked for.

    Raises: BusyError where too many are being fetched; AddressRefusedError, FetchFailedError, TooLargeError.
    """
    with _places(settings.FETCH_PLACES, settings.FETCH_QUEUE_S).place():
        return fetch(url, _limits(min(within_s, settings.FETCH_TIMEOUT_S)))


@lru_cache(maxsize=1)
def _places(count: int, wait_s: float) -> Places:
    return Places(count, wait_s, "Too many images are being fetched from other sites: try again in a moment.")


def _limits(within_s: float) -> FetchLimits:
    return FetchLimits(
        max_bytes=settings.MAX_PICTURE_BYTES,
        connect_timeout_s=min(5.0, within_s),
        total_timeout_s=within_s,
        allow_hosts=settings.FETCH_ALLOW_HOSTS,
    )
