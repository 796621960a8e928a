"""The threads that answer requests: a bounded number, and a bounded queue before them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from semsearch_site.web import refusals
from semsearch_site.web.limits import Limits

# While all threads are at work the event loop gets to run once each has had its turn. Where requests wait it
# must refuse some, and answer whether the process is alive: turns are shorter then. With 400 connections that
# asked at once for what takes 0.2 s of Python, that took 0.7 s at most, instead of 7.
HURRIED_SWITCH_S = 0.0001

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Runs functions in threads; who would wait too long is told so."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="web")
        self._asked = 0
        self._usual_switch_s = sys.getswitchinterval()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a function returns.

        Raises: RefusedError where too many wait before it, or it had to wait too long.
        """
        if self._asked >= self._limits.threads + self._limits.waiting:
            raise refusals.busy()
        must_wait = self._asked >= self._limits.threads
        self._asked += 1
        if must_wait:
            sys.setswitchinterval(HURRIED_SWITCH_S)
        try:
            future = self._pool.submit(function, *args, **kwargs)
            return await (self._in_time(future) if must_wait else asyncio.wrap_future(future))
        finally:
            self._asked -= 1
            if self._asked == self._limits.threads:
                sys.setswitchinterval(self._usual_switch_s)

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
