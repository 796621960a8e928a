"""The threads that answer requests: a bounded number, and a bounded queue before them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from semsearch_site.web import refusals
from semsearch_site.web.limits import Limits

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Runs functions in threads; who would wait too long is told so."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="web")
        self._asked = 0

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a function returns.

        Raises: RefusedError where too many wait before it, or it had to wait too long.
        """
        if self._asked >= self._limits.threads + self._limits.waiting:
            raise refusals.busy()
        must_wait = self._asked >= self._limits.threads
        self._asked += 1
        try:
            future = self._pool.submit(function, *args, **kwargs)
            return await (self._in_time(future) if must_wait else asyncio.wrap_future(future))
        finally:
            self._asked -= 1

    async def _in_time(self, future: Future[T]) -> T:
        # what has begun can no longer be cancelled
        timer = asyncio.get_running_loop().call_later(self._limits.waiting_s, future.cancel)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise refusals.busy() from None
        finally:
            timer.cancel()
