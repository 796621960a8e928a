"""Lets calls that come at the same time share what answers them, without making a lone call wait."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

Given = TypeVar("Given")
Item = TypeVar("Item")
Answer = TypeVar("Answer")
Worked = TypeVar("Worked")
Made = TypeVar("Made", covariant=True)


class Work(Protocol[Worked, Made]):
    """Answers a batch; `alone` says that it is one call's and that no other call is underway."""

    def __call__(self, items: list[Worked], /, *, alone: bool) -> Sequence[Made]: ...


class _Call(Generic[Item, Answer]):
    """One caller: what it brought, what it gets, and the batch that it has been chosen to run."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.batch: list[_Call[Item, Answer]] = []
        self.answer: Answer | None = None
        self.error: BaseException | None = None
        self.done = False
        self.woken = threading.Event()

    def end(self, answer: Answer | None, error: BaseException | None = None) -> None:
        self.answer, self.error, self.done = answer, error, True
        self.woken.set()


class Coalescer(Generic[Given, Item, Answer]):
    """Runs `work` in as many lanes as there are, on batches of the calls that wait, in the order they came.

    There is no timer and no thread of its own. Every caller prepares its own item; then those that wait form
    the next batch of a lane that is free, and the first of them runs it. A lone call goes straight through,
    and batches grow only as far as `work` falls behind. `lanes` says how many batches run side by side and of
    how many items at most; it is asked each time.
    """

    def __init__(
        self,
        prepare: Callable[[Given], Item],
        work: Work[Item, Answer],
        lanes: Callable[[], tuple[int, int]],
    ) -> None:
        self._prepare = prepare
        self._work = work
        self._lanes = lanes
        self._waiting: deque[_Call[Item, Answer]] = deque()
        self._running = 0
        self._underway = 0
        self._lock = threading.Lock()

    def __call__(self, given: Given) -> Answer:
        """Return the answer to one item; raises what `prepare` or `work` raised for it."""
        with self._lock:
            self._underway += 1
        try:
            call: _Call[Item, Answer] = _Call(self._prepare(given))
            with self._lock:
                self._waiting.append(call)
                self._fill_lanes()
            call.woken.wait()  # until it is answered, or to run a batch
            if call.batch:
                self._run(call.batch)
        finally:
            with self._lock:
                self._underway -= 1
        if call.error is not None:
            raise call.error
        return call.answer  # type: ignore[return-value]

    def _fill_lanes(self) -> None:
        """Give every free lane a batch of those that wait, and wake who is to run it; the lock is held."""
        count, most = self._lanes()
        while self._waiting and self._running < count:
            batch = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            batch[0].batch = batch
            self._running += 1
            batch[0].woken.set()

    def _run(self, batch: list[_Call[Item, Answer]]) -> None:
        try:
            self._answer(batch)
        except BaseException as error:  # the runner's thread is being ended: nobody may wait for it for ever
            for call in batch:
                if not call.done:
                    call.end(None, error)
            raise
        finally:
            with self._lock:
                self._running -= 1
                self._fill_lanes()

    def _answer(self, batch: list[_Call[Item, Answer]]) -> None:
        try:
            answers = self._work([call.item for call in batch], alone=self._underway == 1)
        except Exception as error:
            if len(batch) == 1:
                batch[0].end(None, error)
                return
            for call in batch:  # an item that cannot be worked on spoils nobody else's
                self._answer([call])
            return
        for call, answer in zip(batch, answers, strict=True):
            call.end(answer)
