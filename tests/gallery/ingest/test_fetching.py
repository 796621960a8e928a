"""A silent site keeps a few threads waiting, and the others are told at once."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gallery.errors import BusyError, FetchFailedError
from gallery.ingest.fetching import fetch_image

THREADS, PLACES = 16, 3


def test_a_silent_host_holds_few_of_many_threads(settings: Any) -> None:
    settings.FETCH_PLACES, settings.FETCH_QUEUE_S, settings.FETCH_TIMEOUT_S = PLACES, 1.0, 3.0

    def ask(_: int) -> tuple[str, float]:
        began = time.monotonic()
        try:
            fetch_image(f"http://127.0.0.1:{port}/silent.jpg")
        except (BusyError, FetchFailedError) as error:
            return error.code, time.monotonic() - began
        raise AssertionError("nothing was sent")

    with socket.create_server(("127.0.0.1", 0), backlog=THREADS) as silent:
        port = silent.getsockname()[1]
        settings.FETCH_ALLOW_HOSTS = frozenset({f"127.0.0.1:{port}"})
        with ThreadPoolExecutor(THREADS) as threads:
            ended = list(threads.map(ask, range(THREADS)))
    fetched = [took for code, took in ended if code == "fetch_failed"]
    refused = sorted(took for code, took in ended if code == "busy")
    assert (len(fetched), len(refused)) == (PLACES, THREADS - PLACES)
    assert refused[-1] < 2.5, "before the fetches end"
    assert refused[-PLACES - 1] < 0.5, "all but a few at once"
