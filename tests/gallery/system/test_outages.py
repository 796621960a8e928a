"""What passes is told apart from defects, answered in a sentence, and said once when it begins and ends."""

from __future__ import annotations

import errno
import json
import logging
import sqlite3
from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, ProgrammingError
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from gallery.errors import BusyError, DatabaseAwayError, DiskFullError, StorageAwayError
from gallery.system import outages
from gallery.system.outages import Outage
from gallery.system.storage import StorageUnavailableError
from semsearch_site import logs
from semsearch_site.http import error_pages


@pytest.fixture(autouse=True)
def known_at_the_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no outage outlive its test, and nobody look for the end of one."""
    monkeypatch.setattr(outages, "_look_for_database", lambda: None)
    yield
    outages.DATABASE.ended()


def wrapped(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def of_sqlite(code: int) -> Exception:
    cause = sqlite3.OperationalError("as SQLite says it")
    cause.sqlite_errorcode = code
    return wrapped(OperationalError("as SQLite says it"), cause)


def of_postgres(kind: type[psycopg.Error]) -> Exception:
    return wrapped(OperationalError("as the server says it"), kind("as the server says it"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), DiskFullError),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), DiskFullError),
        (OSError(errno.EROFS, "Read-only file system"), DiskFullError),
        (OSError(errno.EACCES, "Permission denied"), None),
        (StorageUnavailableError("away"), StorageAwayError),
        (of_sqlite(sqlite3.SQLITE_FULL), DiskFullError),
        (of_sqlite(sqlite3.SQLITE_READONLY), DiskFullError),
        (of_sqlite(sqlite3.SQLITE_BUSY), BusyError),
        (of_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), BusyError),
        (of_sqlite(sqlite3.SQLITE_IOERR_READ), DatabaseAwayError),
        (of_sqlite(sqlite3.SQLITE_CANTOPEN), DatabaseAwayError),
        (of_sqlite(sqlite3.SQLITE_ERROR), None),
        (of_postgres(psycopg.errors.DiskFull), DiskFullError),
        (of_postgres(psycopg.errors.QueryCanceled), BusyError),
        (of_postgres(psycopg.errors.LockNotAvailable), BusyError),
        (of_postgres(psycopg.errors.DeadlockDetected), BusyError),
        (of_postgres(psycopg.errors.AdminShutdown), DatabaseAwayError),
        (of_postgres(psycopg.errors.CannotConnectNow), DatabaseAwayError),
        (of_postgres(psycopg.errors.TooManyConnections), DatabaseAwayError),
        (of_postgres(psycopg.OperationalError), DatabaseAwayError),
        (InterfaceError("connection already closed"), DatabaseAwayError),
        (wrapped(ProgrammingError("no such column"), psycopg.errors.UndefinedColumn("x")), None),
        (KeyError("x"), None),
        (None, None),
    ],
)
def test_what_passes_is_told_apart_from_defects(error: Exception | None, expected: type | None) -> None:
    found = outages.passing(error)
    assert type(found) is (expected or type(None))
    assert outages.DATABASE.on is (expected is DatabaseAwayError)
    if found is not None:
        assert found.retry_after_s > 0
        assert found.status == (507 if expected is DiskFullError else 503)


def test_an_outage_is_said_once_when_it_begins_and_once_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        outage = Outage("It is away", "It is back")
        for _ in range(3):
            outage.began("nobody\nlistens")
        assert outage.on
        for _ in range(3):
            outage.ended()
    assert not outage.on
    assert [record.getMessage() for record in caplog.records] == [
        "It is away (nobody listens)",
        "It is back, after 0 s.",
    ]


def test_what_an_outage_left_broken_is_no_second_one_unless_that_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outage = Outage("It is away", "It is back")
    with caplog.at_level(logging.WARNING):
        outage.began("a", perhaps=True)
        outage.ended()
        assert outage.began("a connection of before", perhaps=True)
        outage.ended()
        outage.began("b", perhaps=True)
        outage.goes_on()
        outage.goes_on()
        outage.ended()
    said = [record.getMessage() for record in caplog.records]
    assert said == ["It is away (a)", "It is back, after 0 s.", "It is away (b)", "It is back, after 0 s."]


def test_some_work_is_done_again_when_the_database_is_back() -> None:
    tries = []

    def work() -> str:
        tries.append(outages.DATABASE.on)
        if len(tries) == 1:
            raise of_postgres(psycopg.errors.AdminShutdown)
        return "done"

    def told_to_end() -> bool:
        outages.DATABASE.ended()
        return False

    assert outages.persistently(work, told_to_end) == "done"
    assert len(tries) == 2


def test_a_defect_is_raised_at_once() -> None:
    def work() -> None:
        raise ProgrammingError("no such column")

    with pytest.raises(ProgrammingError):
        outages.persistently(work, lambda: False)
    with pytest.raises(ProgrammingError), outages.left_for_later():
        work()


def test_while_the_database_is_away_everybody_is_told_at_once_but_who_asks_how_the_site_is(
    client: Client,
) -> None:
    outages.database_is_away("nobody listens")
    answer = client.get("/api/v1/datasets/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["error"] == {"code": "database_away", "detail": outages.DATABASE_AWAY}
    page = client.get("/datasets/")
    assert page.status_code == 503
    assert outages.DATABASE_AWAY in page.content.decode()
    assert page["Cache-Control"] == "no-store"
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(("path", "is_json"), [("/api/v1/datasets/", True), ("/datasets/", False)])
def test_an_outage_within_a_view_is_no_defect(
    rf: RequestFactory, caplog: pytest.LogCaptureFixture, path: str, is_json: bool
) -> None:
    answer = answered(rf.get(path), lambda: (_ for _ in ()).throw(of_postgres(psycopg.errors.AdminShutdown)))
    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert answer["Content-Type"].startswith("application/json" if is_json else "text/html")
    assert not [record for record in caplog.records if record.exc_info]
    full = answered(rf.get(path), lambda: (_ for _ in ()).throw(OSError(errno.ENOSPC, "/var/lib/x")))
    assert full.status_code == 507
    assert b"/var/lib" not in full.content
    if is_json:
        assert json.loads(full.content)["error"]["code"] == "disk_full"


def answered(request: HttpRequest, fail: Callable[[], object]) -> HttpResponse:
    try:
        fail()
    except Exception:
        return error_pages.broken(request)
    raise AssertionError


def test_the_log_has_no_way_through_the_program_for_an_outage_whoever_logs_it() -> None:
    def record_of(error: Exception) -> logging.LogRecord:
        record = logging.LogRecord(
            "celery", logging.ERROR, __file__, 1, "Task %s", ("x",), (type(error), error, None)
        )
        assert logs.without_traceback(record)
        return record

    passing = record_of(of_postgres(psycopg.errors.AdminShutdown))
    assert (passing.getMessage(), passing.exc_info) == ("Task x (OperationalError)", None)
    defect = record_of(KeyError("x"))
    assert (defect.getMessage(), bool(defect.exc_info)) == ("Task x", True)
