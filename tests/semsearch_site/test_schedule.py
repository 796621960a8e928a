"""The schedule outlives restarts, a damaged file and a broker that is away; so do messages of jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from celery import beat
from django.utils import timezone
from kombu.exceptions import OperationalError

from gallery import jobs
from gallery.jobs import broker
from gallery.models import Dataset, Job
from gallery.system import outages
from search import job_kinds
from semsearch_site import bounded_connection as module
from semsearch_site.bounded_connection import _bounded, _SaidNothingError, bounded_connection
from semsearch_site.celery import app
from semsearch_site.workers.schedule import Scheduler, ScheduleThread

VERIFY = "search.tasks.verify"


@pytest.fixture(autouse=True)
def known_at_the_end() -> Iterator[None]:
    """Let no outage outlive its test."""
    yield
    outages.BROKER.ended()


def test_when_a_task_was_sent_last_is_kept(tmp_path: Path) -> None:
    path = str(tmp_path / "schedule")
    before, an_hour_ago = Scheduler(app, path), timezone.now() - timedelta(hours=1)
    before.schedule[VERIFY].last_run_at = an_hour_ago
    before.close()
    after = Scheduler(app, path)
    assert after.schedule[VERIFY].last_run_at == an_hour_ago
    due, seconds = after.schedule[VERIFY].is_due()
    assert not due
    assert 22 * 3600 < seconds < 23.1 * 3600


@pytest.mark.parametrize(
    "content", [b"", b"\x13\x57\x9a\xce shelve", b"[1]", b'{"search.tasks.verify": "soon"}']
)
def test_a_damaged_file_is_as_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "schedule"
    path.write_bytes(content)
    began = Scheduler(app, str(path))
    assert set(began.schedule) >= set(app.conf.beat_schedule)
    began.sync()
    assert VERIFY in path.read_text()


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    Scheduler(app, str(tmp_path / "not there" / "schedule")).close()


def test_a_time_in_the_future_does_not_keep_a_task_from_being_sent(tmp_path: Path) -> None:
    path = tmp_path / "schedule"
    path.write_text(f'{{"{VERIFY}": "{(timezone.now() + timedelta(days=900)).isoformat()}"}}')
    last = Scheduler(app, str(path)).schedule[VERIFY].last_run_at
    assert last is not None
    assert last <= timezone.now()


def test_what_cannot_be_sent_now_is_sent_when_the_broker_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[bool] = []

    def send(self: Scheduler, entry: Any, advance: bool) -> None:
        tries.append(outages.BROKER.on)
        if len(tries) == 1:
            raise beat.SchedulingError("not sent") from OperationalError("nobody listens")

    monkeypatch.setattr(Scheduler, "apply_async", send)
    monkeypatch.setattr("semsearch_site.workers.schedule.AGAIN_AFTER_S", 0.0)
    scheduler = Scheduler(app, str(tmp_path / "schedule"))
    scheduler.apply_entry(scheduler.schedule[VERIFY])
    assert tries == [False, True]
    assert not outages.BROKER.on


def test_the_thread_begins_again_when_it_breaks_and_ends_when_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ticked = threading.Event()
    calls = []

    def tick(self: Scheduler) -> float:
        calls.append(self)
        if len(calls) == 1:
            raise ValueError("broken")
        ticked.set()
        return 0.01

    monkeypatch.setattr(Scheduler, "tick", tick)
    monkeypatch.setattr("semsearch_site.workers.schedule.AGAIN_AFTER_S", 0.0)
    monkeypatch.setitem(app.conf, "beat_schedule_filename", str(tmp_path / "schedule"))
    parent = type("Worker", (), {"app": app, "steps": []})()
    thread = ScheduleThread(parent, schedules=True)
    thread.start(parent)
    assert ticked.wait(10)
    thread.stop(parent)
    assert not thread._thread.is_alive()
    assert "The schedule broke" in caplog.text
    assert (tmp_path / "schedule").exists()
    assert not ScheduleThread(parent).enabled, "only where it is asked for"


def test_messages_that_the_broker_has_lost_are_sent_again_however_often_they_were_sent(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    monkeypatch.setattr("gallery.jobs.broker.send_run", lambda pk, _kind: sent.append(pk))
    job = jobs.enqueue_for_startup(job_kinds.EXTRACT, dataset)
    long_ago = timezone.now() - timedelta(minutes=3)
    waiting = Job.objects.filter(pk=job.pk)
    waiting.update(dispatched_at=long_ago, created_at=long_ago, publish_count=8)
    jobs.sweep()
    assert not sent, "a message that was not lost need not be there many times"
    jobs.sweep(messages_lost=True)
    assert sent == [job.pk]


@pytest.mark.usefixtures("without_broker")
def test_a_broker_that_does_not_answer_is_not_asked_again_at_once() -> None:
    with pytest.raises(broker.BrokerAwayError):
        broker.send("gallery.tasks.run_job", 1, queue="import")
    began = time.monotonic()
    with pytest.raises(broker.BrokerAwayError, match="a moment ago"):
        broker.send("gallery.tasks.run_job", 1, queue="import")
    assert time.monotonic() - began < 1
    assert outages.BROKER.on


@pytest.mark.usefixtures("without_broker")
def test_a_call_for_help_waits_for_no_broker_that_is_away() -> None:
    began = time.monotonic()
    with pytest.raises(broker.BrokerAwayError):
        broker.send_help(1, job_kinds.EXTRACT, expires_s=3)
    assert time.monotonic() - began < 3, "six seconds, if it is tried as often as kombu would"


def test_whoever_waits_for_a_server_gives_up_at_a_moment_at_which_it_says_nothing() -> None:
    def answering() -> Any:
        first = yield "read"
        while not first:
            first = yield "read"
        return "answer"

    waiting = _bounded(answering(), time.monotonic() + 60)
    assert next(waiting) == "read"
    assert waiting.send(0) == "read"
    with pytest.raises(StopIteration) as end:
        waiting.send(1)
    assert end.value.value == "answer"
    late = _bounded(answering(), time.monotonic() - 1)
    next(late)
    with pytest.raises(_SaidNothingError):
        late.send(0)


@pytest.mark.parametrize(
    ("lately_s", "says"), [(60.0, psycopg.errors.QueryCanceled), (0.0, psycopg.OperationalError)]
)
def test_a_server_that_answers_others_meanwhile_is_busy_and_not_away(
    monkeypatch: pytest.MonkeyPatch, lately_s: float, says: type[Exception]
) -> None:
    kind = bounded_connection(-1.0)

    def waited(ready: int) -> Any:
        def answering() -> Any:
            return "answer" if (yield "read") else (yield "read")

        def wait(self: object, waiting: Any) -> Any:
            next(waiting)
            try:
                waiting.send(ready)
            except StopIteration as end:
                return end.value

        monkeypatch.setattr(psycopg.Connection, "wait", wait)
        return kind.__new__(kind).wait(answering())

    monkeypatch.setattr(psycopg.Connection, "close", lambda self: None)
    with pytest.raises(psycopg.OperationalError, match="said nothing"):
        waited(0)
    assert waited(1) == "answer"
    monkeypatch.setattr(module, "LATELY_S", lately_s)
    with pytest.raises(psycopg.OperationalError) as silent:
        waited(0)
    assert type(silent.value) is says
