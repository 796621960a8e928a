"""Gathers calls that come at the same time into batches, without making a lone call wait."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class _Call(Generic[Item, Answer]):
    """One waiting caller: what it brought, and what it gets."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.answer: Answer | None = None
        self.error: BaseException | None = None
        self.done = False
        self.woken = threading.Event()

    def end(self, answer: Answer | None, error: BaseException | None = None) -> None:
        self.answer, self.error, self.done = answer, error, True
        self.woken.set()


class Coalescer(Generic[Item, Answer]):
    """Runs `work` on one batch at a time, made of the calls that wait, in the order they came.

    There is no timer and no thread of its own: the first caller becomes the runner at once with what is
    there; those who come meanwhile form the next batch, of at most `most`, and its first caller runs it.
    So a lone call goes straight through, and batches grow only as far as `work` falls behind.
    """

    def __init__(self, work: Callable[[list[Item]], Sequence[Answer]], most: int) -> None:
        self._work = work
        self._most = most
        self._waiting: deque[_Call[Item, Answer]] = deque()
        self._running = False
        self._lock = threading.Lock()

    def __call__(self, item: Item) -> Answer:
        """Return the answer to one item; raises what `work` raised for it."""
        call: _Call[Item, Answer] = _Call(item)
        with self._lock:
            self._waiting.append(call)
            runs, self._running = not self._running, True
        if not runs:
            call.woken.wait()  # until it is answered, or the first of those that wait and nobody runs
        if not call.done:
            self._run_next_batch()
        if call.error is not None:
            raise call.error
        return call.answer  # type: ignore[return-value]

    def _run_next_batch(self) -> None:
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
        try:
            self._answer(batch)
        except BaseException as error:  # the runner's thread is being ended: nobody may wait for it for ever
            for call in batch:
                if not call.done:
                    call.end(None, error)
            raise
        finally:
            self._hand_over()

    def _answer(self, batch: list[_Call[Item, Answer]]) -> None:
        try:
            answers = self._work([call.item for call in batch])
        except Exception as error:
            if len(batch) == 1:
                batch[0].end(None, error)
                return
            for call in batch:  # an item that cannot be worked on spoils nobody else's
                self._answer([call])
            return
        for call, answer in zip(batch, answers, strict=True):
            call.end(answer)

    def _hand_over(self) -> None:
        """Wake the first of those that wait to run the next batch."""
        with self._lock:
            if self._waiting:
                self._waiting[0].woken.set()
            else:
                self._running = False
