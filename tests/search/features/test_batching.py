"""Calls at the same time become batches: in order, without waiting, and with errors of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeAlias

import pytest

from search.features.batching import Coalescer
from tests.support.site import until

WITHIN_S = 10
Numbers: TypeAlias = Coalescer[int, int, int]


def coalesced(work: Any, most: int, lanes: int = 1) -> Numbers:
    """Return a coalescer of `lanes` lanes that takes numbers as they are."""
    return Coalescer(lambda number: number, work, lambda: (lanes, most))


lock = threading.Lock()


class Work:
    """Doubles numbers, keeps what it was given, and can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.alone: list[bool] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def __call__(self, numbers: list[int], *, alone: bool) -> list[int]:
        self.batches.append(numbers)
        self.alone.append(alone)
        assert self.may_go_on.wait(WITHIN_S)
        if -1 in numbers:
            raise ValueError("a number that cannot be doubled")
        return [2 * number for number in numbers]


def calls_behind_a_held_one(
    work: Work, coalescer: Numbers, pool: ThreadPoolExecutor, numbers: list[int]
) -> list[Future[int]]:
    """Start a call that is held up, then the others one after the other, then let all go on."""
    work.may_go_on.clear()
    futures = [pool.submit(coalescer, 0)]
    until(lambda: work.batches == [[0]], within_s=WITHIN_S, what="the first call runs")
    for place, number in enumerate(numbers, 1):
        futures.append(pool.submit(coalescer, number))
        until(waiting(coalescer, place), within_s=WITHIN_S, what="a call waits")
    work.may_go_on.set()
    return futures


def waiting(coalescer: Numbers, count: int) -> Callable[[], bool]:
    return lambda: len(coalescer._waiting) == count


def test_a_lone_call_runs_at_once_in_its_own_thread() -> None:
    threads: list[threading.Thread] = []

    def work(numbers: list[int], *, alone: bool) -> list[int]:
        threads.append(threading.current_thread())
        return numbers

    coalescer = coalesced(work, 8)
    assert [coalescer(3), coalescer(4)] == [3, 4]
    assert threads == [threading.current_thread()] * 2


def test_calls_that_come_meanwhile_form_batches_in_the_order_they_came() -> None:
    work = Work()
    coalescer = coalesced(work, 4)
    with ThreadPoolExecutor(8) as pool:
        futures = calls_behind_a_held_one(work, coalescer, pool, [1, 2, 3, 4, 5, 6])
        assert [future.result(WITHIN_S) for future in futures] == [0, 2, 4, 6, 8, 10, 12]
    assert work.batches == [[0], [1, 2, 3, 4], [5, 6]]
    assert coalescer(7) == 14  # and it goes on


def test_an_item_that_fails_fails_alone() -> None:
    work = Work()
    coalescer = coalesced(work, 4)
    with ThreadPoolExecutor(8) as pool:
        held, first, bad, last = calls_behind_a_held_one(work, coalescer, pool, [1, -1, 3])
        assert [held.result(WITHIN_S), first.result(WITHIN_S), last.result(WITHIN_S)] == [0, 2, 6]
        with pytest.raises(ValueError, match="cannot be doubled"):
            bad.result(WITHIN_S)
    assert coalescer(5) == 10


def test_a_runner_that_is_ended_leaves_nobody_waiting() -> None:
    held, may_end = threading.Event(), threading.Event()

    def work(numbers: list[int], *, alone: bool) -> list[int]:
        if numbers == [0]:
            held.set()
            assert may_end.wait(WITHIN_S)
            raise SystemExit
        return numbers

    coalescer = coalesced(work, 4)
    ended: list[bool] = []

    def first() -> None:
        try:
            coalescer(0)
        except SystemExit:
            ended.append(True)

    runner = threading.Thread(target=first)
    runner.start()
    assert held.wait(WITHIN_S)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(coalescer, 5)
        until(waiting(coalescer, 1), within_s=WITHIN_S, what="a call waits")
        may_end.set()
        assert other.result(WITHIN_S) == 5
    runner.join(WITHIN_S)
    assert ended == [True]


def test_many_callers_at_once_each_get_their_own_answer() -> None:
    for lanes, most in ((1, 8), (3, 1), (2, 2)):
        running = [0]
        together: list[int] = []

        def work(
            numbers: list[int], *, alone: bool, running: Any = running, together: Any = together
        ) -> list[int]:
            with lock:
                running[0] += 1
                together.append(running[0])
            answers = [number * number for number in numbers]
            with lock:
                running[0] -= 1
            return answers

        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(coalesced(work, most, lanes), range(2000)))
        assert answers == [number * number for number in range(2000)]
        assert max(together) <= lanes


def test_as_many_batches_run_side_by_side_as_there_are_lanes_and_know_that_they_are_not_alone() -> None:
    work = Work()
    coalescer = coalesced(work, 1, lanes=2)
    assert coalescer(7) == 14
    work.may_go_on.clear()
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(coalescer, number) for number in range(5)]
        until(lambda: len(work.batches) == 3, within_s=WITHIN_S, what="two calls run")
        until(waiting(coalescer, 3), within_s=WITHIN_S, what="the others wait")
        work.may_go_on.set()
        assert [future.result(WITHIN_S) for future in futures] == [0, 2, 4, 6, 8]
    assert work.alone[0]
    assert not work.alone[2]
    assert sorted(work.batches) == [[0], [1], [2], [3], [4], [7]]


def test_what_cannot_be_prepared_keeps_no_lane() -> None:
    def prepare(number: int) -> int:
        if number < 0:
            raise ValueError("a number that cannot be prepared")
        return number

    work = Work()
    coalescer: Numbers = Coalescer(prepare, work, lambda: (1, 4))
    with pytest.raises(ValueError, match="prepared"):
        coalescer(-1)
    assert coalescer(3) == 6
    assert work.alone == [True]
