"""Fetches the image of an address for somebody who waits, in places of which there are few."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings

from gallery.ingest.download import Fetched, FetchLimits, fetch
from gallery.system.places import Places


def fetch_image(url: str) -> Fetched:
    """Return what a URL leads to.

    Raises: BusyError where too many are being fetched; AddressRefusedError, FetchFailedError, TooLargeError.
    """
    with _places(settings.FETCH_PLACES, settings.FETCH_QUEUE_S).place():
        return fetch(url, _limits())


@lru_cache(maxsize=1)
def _places(count: int, wait_s: float) -> Places:
    return Places(count, wait_s, "Too many images are being fetched from other sites: try again in a moment.")


def _limits() -> FetchLimits:
    return FetchLimits(
        max_bytes=settings.MAX_PICTURE_BYTES,
        connect_timeout_s=min(5.0, settings.FETCH_TIMEOUT_S),
        total_timeout_s=settings.FETCH_TIMEOUT_S,
        allow_hosts=settings.FETCH_ALLOW_HOSTS,
    )
