"""Lines of the log name their request and job, as text or JSON; what is routine makes none."""

from __future__ import annotations

import json
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from environs import Env

from gallery import jobs
from gallery.jobs.kinds import JobRun, register
from gallery.models import Dataset, Job
from gallery.system import log_context
from gallery.system.concurrency.read_ahead import Limits, read_ahead
from semsearch_site import env, logs

GIVEN = "from-the-proxy-0001"


def record(message: str, *values: object, **more: Any) -> logging.LogRecord:
    """Return a record of the log."""
    made = logging.LogRecord(
        "gallery", logging.WARNING, __file__, 1, message, values, more.pop("exc_info", None)
    )
    for name, value in more.items():
        setattr(made, name, value)
    return made


def as_json(made: logging.LogRecord) -> dict[str, Any]:
    """Return what the JSON of a record holds; it is one line."""
    (line,) = logs.JsonFormatter().format(made).splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_record_as_json_is_one_line_with_what_it_belongs_to_and_no_secrets() -> None:
    try:
        raise ValueError("no token=abc\nx")
    except ValueError:
        made = record(
            "Cannot\nread %s: password=hunter2", "a.png", exc_info=sys.exc_info(), fields={"status": 5}
        )
    with log_context.of_request(GIVEN), log_context.of_job(7, ""):
        found = as_json(made)
    assert found["message"] == "Cannot\nread a.png: password=***"
    assert (found["level"], found["logger"], found["status"]) == ("WARNING", "gallery", 5)
    assert (found["request"], found["job"]) == (GIVEN, 7)
    assert found["time"].endswith("+00:00")
    assert "Traceback" in found["exception"]
    assert "abc" not in found["exception"]
    assert not {"request", "job", "exception"} & set(as_json(record("Else")))


def test_a_line_ends_with_what_it_belongs_to() -> None:
    formatter = logs.LineFormatter("{levelname}: {message}", style="{")
    with log_context.of_request(GIVEN), log_context.of_job(7, ""):
        assert formatter.format(record("Well")) == f"WARNING: Well [request {GIVEN}] [job 7]"
    assert formatter.format(record("Well")) == "WARNING: Well"


def test_an_unknown_format_of_the_log_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_FORMAT", "xml")
    with pytest.raises(ImproperlyConfigured, match="set it to one of line, json"):
        env.log_format(Env())


def test_what_a_part_says_that_is_no_json_is_put_into_some(monkeypatch: pytest.MonkeyPatch) -> None:
    line = b"12:M 29 Nov 2026 02:00:00.000 # Out of memory\n"
    assert logs.passed_on("broker", line) == line
    handler = logging.StreamHandler()
    handler.setFormatter(logs.JsonFormatter())
    monkeypatch.setattr(logging.root, "handlers", [handler])
    wrapped = logs.passed_on("broker", line)
    assert wrapped.endswith(b"\n")
    assert json.loads(wrapped)["logger"] == "broker"
    assert json.loads(wrapped)["message"] == line.decode().rstrip()
    assert logs.passed_on("worker", wrapped) == wrapped


@pytest.mark.parametrize(
    "given", ["", "short", "x" * 65, "with space", "new\nline-----", "-begins-oddly", "é" * 9]
)
def test_an_id_that_is_not_sane_is_replaced(given: str) -> None:
    made = log_context.sane_request_id(given)
    assert made != given
    assert log_context.sane_request_id(made) == made


def test_every_answer_names_its_request_and_keeps_a_sane_id(client: Client, db: None) -> None:
    for address in (
        "/healthz",
        "/datasets/",
        "/api/v1/datasets/nope/",
        "/nothing/here",
        "/static/nothing.css",
    ):
        assert client.get(address, headers={"X-Request-ID": GIVEN})["X-Request-ID"] == GIVEN, address
        made = client.get(address)["X-Request-ID"]
        assert made not in ("", GIVEN)
        assert client.get(address, headers={"X-Request-ID": "<script>"})["X-Request-ID"] != "<script>"
    assert log_context.request_id() == "", "nothing is left of it"


def test_error_pages_show_the_id_and_errors_in_json_have_their_two_keys_only(
    client: Client, db: None
) -> None:
    assert GIVEN in client.get("/nothing/here", headers={"X-Request-ID": GIVEN}).content.decode()
    answer = client.get("/api/v1/datasets/nope/", headers={"X-Request-ID": GIVEN})
    assert set(answer.json()["error"]) == {"code", "detail"}


def test_a_defect_is_logged_with_the_id_that_its_page_shows(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise ValueError("a defect")

    seen: list[str] = []
    monkeypatch.setattr("gallery.views.render", breaks)
    monkeypatch.setattr(
        "semsearch_site.http.error_pages.logger.error", lambda *_, **__: seen.append(log_context.request_id())
    )
    client.raise_request_exception = False
    answer = client.get("/datasets/", headers={"X-Request-ID": GIVEN})
    assert (answer.status_code, answer["X-Request-ID"]) == (500, GIVEN)
    assert GIVEN in answer.content.decode()
    assert seen == [GIVEN]


def test_a_job_keeps_the_request_that_made_it_and_its_lines_name_both(
    dataset: Dataset, caplog: pytest.LogCaptureFixture, without_broker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int | None]] = []

    def work(run: JobRun) -> dict[str, object]:
        def look(_: int) -> None:
            seen.append((log_context.request_id(), log_context.job_id()))

        look(0)
        for _, result in read_ahead(look, [1, 2], Limits(items=1)):
            result.result()
        follows = jobs.enqueue_for_startup(jobs.IMPORT, dataset)
        assert follows.request_id == GIVEN, "one job leads to another"
        return {}

    monkeypatch.setattr("gallery.jobs.kinds._types", dict(jobs.kinds._types))
    register("looks", work, label="looks", queue="import")
    with log_context.of_request(GIVEN):
        job = jobs.enqueue_for_startup("looks", dataset)
    with caplog.at_level(logging.INFO, "gallery.jobs"):
        jobs.perform(job.pk)
    assert seen == [(GIVEN, job.pk)] * 3
    said = [one.getMessage() for one in caplog.records if one.name.startswith("gallery.jobs")]
    assert said[0] == f"Job {job.pk} (looks) begins."
    assert said[1].startswith(f"Job {job.pk} (looks) succeeded after ")
    assert len(said) == 2
    assert Job.objects.get(pk=job.pk).request_id == GIVEN


def test_threads_of_a_pool_keep_their_own_context() -> None:
    with ThreadPoolExecutor(1) as pool, log_context.of_request(GIVEN):
        assert pool.submit(log_context.request_id).result() == ""


def test_celery_tells_of_its_messages_at_debug_only() -> None:
    for level, chatter in (("INFO", "WARNING"), ("WARNING", "WARNING"), ("DEBUG", "DEBUG")):
        configured: dict[str, Any] = dict(logs.configured("line", level))
        loggers = configured["loggers"]
        assert {loggers[name]["level"] for name in ("celery", "kombu")} == {chatter}
    handlers: Any = settings.LOGGING["handlers"]
    assert handlers["console"]["formatter"] == "line"
