"""What is away for a while: told apart from defects, said once when it begins and once when it ends.

    try:
        rows = list(Job.objects.all())
    except Exception as error:
        if (passing := outages.passing(error)) is None:
            raise  # a defect
        answer(passing.status, passing.detail, passing.retry_after_s)

Each process finds out for itself. While the database is known to be away a thread looks for it every second,
so that whoever needs it can be refused at once instead of waiting for it in turn.
"""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, connection

from gallery.errors import BusyError, DatabaseAwayError, DiskFullError, SemsearchError, StorageAwayError
from gallery.system.storage import StorageUnavailableError

logger = logging.getLogger(__name__)

T = TypeVar("T")

LOOKED_FOR_EVERY_S = 1.0
RECENTLY_S = 5.0
DATABASE_AWAY = "The database does not answer. Nothing is lost; try again in a moment."
DATABASE_BUSY = "The database is busy with something else: try again in a moment."
STORAGE_AWAY = "The storage of images does not answer. Nothing is lost; try again in a moment."
DISK_FULL = (
    "The server's disk has too little free space, or can only be read, so nothing is stored now; searches go "
    "on. Whoever runs the site mends that, then it takes up again what waits by itself."
)

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
# https://www.postgresql.org/docs/current/errcodes-appendix.html: connections, a server that starts or ends
_POSTGRES_AWAY = ("08", "57P0", "53300")
_POSTGRES_FULL = ("53100",)
# lock_timeout, statement_timeout, a deadlock, two that cannot be put in order
_POSTGRES_BUSY = ("55P03", "57014", "40P01", "40001")
# https://www.sqlite.org/rescode.html
_SQLITE_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY)
_SQLITE_AWAY = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR)
_SQLITE_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Outage:
    """Something that is away or not, as far as this process knows."""

    def __init__(self, begins: str, ends: str) -> None:
        self._begins, self._ends = begins, ends
        self._since: float | None = None
        self._ended_at = -RECENTLY_S
        self._why, self._said = "", False
        self._changing = threading.Lock()

    @property
    def on(self) -> bool:
        """Whether it is away now."""
        return self._since is not None

    def began(self, why: object, *, perhaps: bool = False) -> bool:
        """Say so, unless it is known already; returns whether it is news.

        Where it is not certain `perhaps` and the last one has just ended, it is said by `goes_on`: what broke
        in that one, as a connection, may be noticed only now.
        """
        with self._changing:
            if self._since is not None:
                return False
            self._since, self._why, self._said = time.monotonic(), " ".join(str(why).split()), False
            is_rest = perhaps and self._since - self._ended_at < RECENTLY_S
        if not is_rest:
            self.goes_on()
        return True

    def goes_on(self) -> None:
        """Say that it has begun, unless that was said."""
        with self._changing:
            is_news, self._said = self._since is not None and not self._said, True
        if is_news:
            logger.warning("%s (%s)", self._begins, self._why)

    def ended(self) -> None:
        """Say so, unless it is known already."""
        if self._since is None:
            return
        with self._changing:
            since, self._since, self._ended_at = self._since, None, time.monotonic()
        if since is not None and self._said:
            logger.warning("%s, after %.0f s.", self._ends, time.monotonic() - since)


DATABASE = Outage(
    "The database does not answer; whoever needs it is told to come back, and jobs wait",
    "The database answers again",
)
BROKER = Outage("The message broker does not answer; jobs wait for it", "The message broker answers again")
RATES = Outage("The server that counts rates does not answer; none are counted", "Rates are counted again")
DISK = Outage(
    "The disk is nearly full or can only be read; nothing is stored, and jobs wait",
    "The disk can be written to again",
)


def passing(error: BaseException | None) -> SemsearchError | None:
    """Return what to answer for an error that will pass without a change of ours; None for a defect.

    An outage of the database that nobody knew of begins with it.
    """
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        return DiskFullError(DISK_FULL, inner=str(error))
    if isinstance(error, StorageUnavailableError):
        return StorageAwayError(STORAGE_AWAY, inner=str(error))
    if not isinstance(error, (DatabaseError, InterfaceError)):
        return None
    found = _of_database(error)
    if isinstance(found, DatabaseAwayError):
        database_is_away(error)
    return found


def _of_database(error: BaseException) -> SemsearchError | None:
    """Return what an error of the database means, by what its driver says of it."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        # the rest of an extended code tells where it happened
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if code in _SQLITE_FULL:
            return DiskFullError(DISK_FULL, inner=str(error))
        if code in _SQLITE_BUSY:
            return BusyError(DATABASE_BUSY, inner=str(error))
        return DatabaseAwayError(DATABASE_AWAY, inner=str(error)) if code in _SQLITE_AWAY else None
    state = getattr(cause, "sqlstate", None)
    if state is None:
        # psycopg gives no state where there was no server to give one
        names = {type(one).__name__ for one in (error, cause)}
        lost = names & {"OperationalError", "InterfaceError", "PoolTimeout", "PoolClosed", "TooManyRequests"}
        return DatabaseAwayError(DATABASE_AWAY, inner=str(error)) if lost else None
    if state.startswith(_POSTGRES_FULL):
        return DiskFullError(DISK_FULL, inner=str(error))
    if state.startswith(_POSTGRES_AWAY):
        return DatabaseAwayError(DATABASE_AWAY, inner=str(error))
    return BusyError(DATABASE_BUSY, inner=str(error)) if state in _POSTGRES_BUSY else None


def database_is_away(why: object) -> None:
    """Let an outage of the database begin, and look for its end."""
    if DATABASE.began(why, perhaps=True):
        threading.Thread(target=_look_for_database, daemon=True, name="database watch").start()


def _look_for_database() -> None:
    try:
        while DATABASE.on:
            time.sleep(LOOKED_FOR_EVERY_S)
            # of this thread alone; a broken one would stay so
            connection.close()
            try:
                # a table, because SQLite needs no file to count to one
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")
            except Exception:  # whatever it is, it is still away
                DATABASE.goes_on()
            else:
                DATABASE.ended()
    finally:
        connection.close()


def wait_for_database(stopping: Callable[[], bool]) -> bool:
    """Wait until the database is back or this process is told to end; returns whether it is back."""
    connection.close()
    while DATABASE.on and not stopping():
        time.sleep(LOOKED_FOR_EVERY_S / 4)
    return not DATABASE.on


def persistently(work: Callable[[], T], stopping: Callable[[], bool]) -> T | None:
    """Return what some work returns, done again where the database was away, or its disk full.

    None when this process is told to end.
    """
    while not stopping():
        try:
            return work()
        except (DatabaseError, InterfaceError) as error:
            found = passing(error)
            if not isinstance(found, (DatabaseAwayError, DiskFullError)):
                raise
            if isinstance(found, DiskFullError):
                time.sleep(LOOKED_FOR_EVERY_S)
            wait_for_database(stopping)
    return None


@contextmanager
def left_for_later() -> Iterator[None]:
    """Leave out, with a line, what cannot be done now and will be asked for again."""
    try:
        yield
    except Exception as error:
        found = passing(error)
        if found is None:
            raise
        connection.close()
        if not isinstance(found, DatabaseAwayError):
            logger.info("Left for later: %s", error)
