"""The threads that answer requests: a bounded number, and a bounded queue before them."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from gallery.system.measuring import measures
from semsearch_site.web import refusals
from semsearch_site.web.limits import Limits

# Beside N threads that compute in Python the event loop has one turn of N + 1. So only a few begin at once,
# and one more every some ms while the loop wakes in time: threads that wait for a database or the network do
# not hold it up, and soon all are at work.
FIRST_THREADS = 4
ONE_MORE_EVERY_S = 0.01
IN_TIME_S = 0.03
# While requests wait, turns are short: the loop must refuse some, and answer whether the process is alive.
HURRIED_SWITCH_S = 0.0001

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Runs functions in threads; who would wait too long is told so."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="web")
        self._first = self._open = min(FIRST_THREADS, limits.threads)
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._opening: asyncio.Task[None] | None = None

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a function returns.

        Raises: RefusedError where too many wait before it, or it had to wait too long.
        """
        if self._running < self._open:
            self._running += 1
            self._tell()
        else:
            await self._turn()
        try:
            work = partial(function, *args, **kwargs)
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._running -= 1
            self._call()
            self._tell()

    def _tell(self) -> None:
        here = measures.here()
        here.requests_running.set(self._running)
        here.requests_waiting.set(len(self._waiting))

    async def _turn(self) -> None:
        """Wait to be called, which counts as running; so long as it takes where a thread is there for it."""
        ahead = self._running + len(self._waiting) - self._limits.threads
        if ahead >= self._limits.waiting:
            raise refusals.busy()
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._tell()
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open_more())
        try:
            async with asyncio.timeout(self._limits.waiting_s if ahead >= 0 else None):
                await turn
        except TimeoutError:
            if turn.cancelled():  # not called in this very moment
                raise refusals.busy() from None

    def _call(self) -> None:
        """Call those who waited longest, while there is a thread for them."""
        while self._waiting and self._running < self._open:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._running += 1
        if not self._running:
            self._open = self._first

    async def _open_more(self) -> None:
        loop, usual_s = asyncio.get_running_loop(), sys.getswitchinterval()
        sys.setswitchinterval(HURRIED_SWITCH_S)
        try:
            while self._waiting:
                due = loop.time() + ONE_MORE_EVERY_S
                await asyncio.sleep(ONE_MORE_EVERY_S)
                if loop.time() - due < IN_TIME_S and self._open < self._limits.threads:
                    self._open += 1
                self._call()
        finally:
            sys.setswitchinterval(usual_s)
