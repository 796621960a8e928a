"""What a line of the log belongs to: the request that is answered, and the job that is done."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any

# what another server may say; anything else could be a text that somebody wants to see in the log
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")

_request: ContextVar[str] = ContextVar("request", default="")
_job: ContextVar[int | None] = ContextVar("job", default=None)


def request_id() -> str:
    """Return the id of the request that is being answered, or that made the job; "" where there is none."""
    return _request.get()


def job_id() -> int | None:
    """Return the number of the job that is being done, None where there is none."""
    return _job.get()


def sane_request_id(given: str) -> str:
    """Return an id that came with a request, where it is a sane one, else a new one."""
    return given if _SANE.fullmatch(given) else secrets.token_hex(8)


@contextmanager
def of_request(its_id: str) -> Iterator[None]:
    """Let what is logged inside belong to a request."""
    token = _request.set(its_id)
    try:
        yield
    finally:
        _request.reset(token)


@contextmanager
def of_job(number: int, its_request: str) -> Iterator[None]:
    """Let what is logged inside belong to a job, and to the request that made it."""
    token = _job.set(number)
    try:
        with of_request(its_request or request_id()):
            yield
    finally:
        _job.reset(token)


def thread(target: Callable[..., Any], *args: Any, name: str) -> threading.Thread:
    """Return a thread, not started, whose lines belong to what those of this one do."""
    return threading.Thread(target=copy_context().run, args=(target, *args), daemon=True, name=name)
