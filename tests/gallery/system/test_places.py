"""Work that takes long has a few places; whoever finds them taken is told soon, not kept."""

from __future__ import annotations

import threading
import time

import pytest

from gallery.errors import BusyError
from gallery.system.concurrency.places import Places

FULL = "All places are taken."


def test_a_place_that_becomes_free_in_time_is_taken() -> None:
    places, holds = Places(1, 5.0, FULL), threading.Event()

    def hold() -> None:
        with places.place():
            holds.set()
            time.sleep(0.1)

    holding = threading.Thread(target=hold)
    holding.start()
    assert holds.wait(5)
    began = time.monotonic()
    with places.place():
        assert 0.05 < time.monotonic() - began < 2
    holding.join()


def test_who_waits_too_long_or_finds_too_many_waiting_is_refused() -> None:
    places, release = Places(2, 1.0, FULL), threading.Event()
    refused_after: list[float] = []

    def hold() -> None:
        with places.place():
            release.wait(30)

    def wait() -> None:
        began = time.monotonic()
        with pytest.raises(BusyError, match=FULL), places.place():
            pass
        refused_after.append(time.monotonic() - began)

    threads = [threading.Thread(target=work) for work in (hold, hold, wait, wait)]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    wait()
    assert refused_after[0] < 0.5, "two hold and two wait: nobody else does"
    for thread in threads[2:]:
        thread.join()
    assert all(0.9 < after < 5 for after in refused_after[1:])
    release.set()
    for thread in threads[:2]:
        thread.join()
    with places.place():
        pass


def test_a_place_is_free_again_after_an_error() -> None:
    places = Places(1, 0.0, FULL)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), places.place():
            raise ValueError("broken")
