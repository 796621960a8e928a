"""Works on items ahead of whoever uses them, on several threads, in their order and in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TypeVar

from gallery.system.concurrency.cores import usable_cores

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Limits:
    """How far ahead the work may get: so many items, and so many bytes of them (None for any number).

    There may always be as many items as threads, however large they are.
    """

    items: int
    bytes: int | None = None


def read_ahead(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    limits: Limits,
    *,
    size: Callable[[Item], int] = lambda _: 0,
    threads_named: str = "ahead",
) -> Iterator[tuple[Item, Future[Result]]]:
    """Yield each item with its result, in order; to take the result of a future may wait, or raise.

    `work` is called on as many threads as there are cores; `size` says how many bytes an item holds.
    """
    threads = usable_cores()
    waiting: deque[tuple[Item, int, Future[Result]]] = deque()
    waiting_bytes = 0

    def is_full() -> bool:
        many = limits.bytes is not None and waiting_bytes > limits.bytes and len(waiting) > threads
        return many or len(waiting) > limits.items

    pool = ThreadPoolExecutor(threads, thread_name_prefix=threads_named)
    try:
        for item in items:
            waiting.append((item, size(item), pool.submit(copy_context().run, work, item)))
            waiting_bytes += waiting[-1][1]
            while is_full():
                first, its_bytes, result = waiting.popleft()
                waiting_bytes -= its_bytes
                yield first, result
        while waiting:
            first, _, result = waiting.popleft()
            yield first, result
    finally:  # whoever stops half-way is not kept waiting for what was ahead
        pool.shutdown(cancel_futures=True)
