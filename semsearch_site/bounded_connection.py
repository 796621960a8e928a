"""Connections to PostgreSQL that give up a server which says nothing: its own time limits need it to live."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg

LATELY_S = 1.0


def bounded_connection(limit_s: float) -> type[psycopg.Connection[Any]]:
    """Return a class of connections that wait no longer than this for an answer, and are closed then.

    psycopg asks whoever waits for the server ten times a second whether to go on; that is where it ends. A
    server that answers others meanwhile is there, and busy with this alone.
    """
    answered_at = -LATELY_S

    class BoundedConnection(psycopg.Connection[Any]):
        def wait(self, gen: Any, *args: Any, **options: Any) -> Any:
            nonlocal answered_at
            try:
                answer = super().wait(_bounded(gen, time.monotonic() + limit_s), *args, **options)
            except _SaidNothingError:
                self.close()
                if time.monotonic() - answered_at < LATELY_S:
                    raise psycopg.errors.QueryCanceled(f"It took more than {limit_s:g} s.") from None
                raise psycopg.OperationalError(f"The server said nothing for {limit_s:g} s.") from None
            answered_at = time.monotonic()
            return answer

    return BoundedConnection


class _SaidNothingError(Exception):
    """The limit is over."""


def _bounded(waiting: Generator[Any, Any, Any], until: float) -> Generator[Any, Any, Any]:
    """Do as another generator does, until a moment at which its server has nothing to say."""
    try:
        wanted = next(waiting)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > until:
                raise _SaidNothingError
            wanted = waiting.send(ready)
    except StopIteration as end:
        return end.value
