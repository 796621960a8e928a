"""An amount is shared in the order of asking, and waiting for it has an end."""

from __future__ import annotations

import threading
import time

import pytest

from gallery.errors import BusyError
from gallery.imaging.budget import FairShare


class Holder:
    """A thread that holds a part until it is told to give it back."""

    def __init__(self, share: FairShare, amount: int, served: list[int]) -> None:
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._hold, args=(share, amount, served))
        self.thread.start()

    def _hold(self, share: FairShare, amount: int, served: list[int]) -> None:
        with share.taken(amount, 10, 30.0):
            served.append(amount)
            assert self.over.wait(30.0)

    def end(self) -> None:
        self.over.set()
        self.thread.join(30.0)


def until_waiting(share: FairShare, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(share._turns) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_who_asked_first_is_served_first_however_much_the_others_ask() -> None:
    share, served = FairShare(), list[int]()
    first = Holder(share, 7, served)
    while not served:
        time.sleep(0.001)
    large = Holder(share, 9, served)
    until_waiting(share, 1)
    small = Holder(share, 1, served)  # there would be room for it, but it asked later
    until_waiting(share, 2)
    assert served == [7]
    first.end()
    deadline = time.monotonic() + 30
    while len(served) < 3 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert sorted(served[1:]) == [1, 9]  # both have room now
    large.end()
    small.end()
    assert share.used == 0


def test_waiting_ends_with_a_sentence_and_lets_the_next_one_go_on() -> None:
    share, served = FairShare(), list[int]()
    first = Holder(share, 7, served)
    while not served:
        time.sleep(0.001)
    started = time.monotonic()
    with pytest.raises(BusyError, match="try again") as raised, share.taken(9, 10, 0.05):
        pass
    assert 0.04 < time.monotonic() - started < 5
    assert (raised.value.status, raised.value.retry_after_s) == (503, 5)
    with share.taken(3, 10, 0.0):  # nobody stands before it any more
        assert share.used == 10
    first.end()
    assert share.used == 0


def test_only_so_many_wait() -> None:
    share, served = FairShare(), list[int]()
    holders = [Holder(share, 10, served)]
    while not served:
        time.sleep(0.001)
    holders.append(Holder(share, 10, served))
    until_waiting(share, 1)
    with pytest.raises(BusyError), share.taken(1, 10, 30.0, most_waiting=1):
        pass
    for holder in holders:
        holder.end()


def test_what_is_held_is_given_back_after_an_error() -> None:
    share = FairShare()
    with pytest.raises(ZeroDivisionError), share.taken(4, 10, 0.0):
        raise ZeroDivisionError
    assert share.used == 0


def test_never_is_more_taken_than_there_is() -> None:
    share, most = FairShare(), [0]

    def work(seed: int) -> None:
        for turn in range(200):
            with share.taken(1 + (seed + turn) % 5, 10, 30.0):
                most[0] = max(most[0], share.used)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
    assert 0 < most[0] <= 10
    assert share.used == 0


def test_what_is_needed_no_longer_goes_to_the_next_one_at_once() -> None:
    share = FairShare()
    with share.taken(9, 10, 0.0) as part:
        with pytest.raises(BusyError), share.taken(4, 10, 0.0):
            pass
        part.keep(6)
        with share.taken(4, 10, 0.0):
            assert share.used == 10
    assert share.used == 0
