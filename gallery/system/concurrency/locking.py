"""Locks of a name, of which there is one for all processes that share a database."""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

ASK_AGAIN_S = 0.2


def _nothing() -> None:
    pass


@contextmanager
def exclusive_lock(name: str, waiting: Callable[[], Any] = _nothing) -> Iterator[None]:
    """Hold the lock of a name; `waiting` is called again and again while another holds it.

    On PostgreSQL it is an advisory lock of a session, for every machine; with SQLite, whose processes share
    a machine, a locked file. Either is free again when the process that holds it dies.
    """
    with _in_database(name, waiting) if connection.vendor == "postgresql" else _in_file(name, waiting):
        yield


@contextmanager
def _in_database(name: str, waiting: Callable[[], Any]) -> Iterator[None]:
    # a session of its own, outside the pool: however it ends, the server frees the lock
    own = connection.copy()
    own.settings_dict["OPTIONS"] = {
        key: value for key, value in own.settings_dict["OPTIONS"].items() if key != "pool"
    }
    try:
        with own.cursor() as cursor:
            while True:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [_number(name)])
                if cursor.fetchone() == (True,):
                    break
                waiting()
                time.sleep(ASK_AGAIN_S)
        yield
    finally:
        own.close()


@contextmanager
def _in_file(name: str, waiting: Callable[[], Any]) -> Iterator[None]:
    path = Path(settings.SEMSEARCH_HOME) / "locks" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                time.sleep(ASK_AGAIN_S)
            else:
                break
        yield


def _number(name: str) -> int:
    """Return the lock's number: eight bytes of a digest, as PostgreSQL counts them."""
    return int.from_bytes(hashlib.sha256(f"semsearch {name}".encode()).digest()[:8], "big", signed=True)
