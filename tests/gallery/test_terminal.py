"""Names and errors of others cannot steer a terminal, and begin no line of the log."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, CommandParser, call_command

from gallery.errors import SemsearchError
from gallery.system.commands import ReportingCommand
from gallery.system.terminal import printable
from semsearch_site.logs import LineFormatter, without_secrets, without_traceback

HOSTILE = "a\x1b]0;owned\x07\r\nb\x9b31m\u202egnp.exe\u2028c\ud800\x7f"
SHOWN = r"a\x1b]0;owned\x07\r\nb\u009b31m\u202egnp.exe\u2028c\ud800\u007f"


def test_what_steers_is_shown_as_an_escape_and_the_rest_as_it_is() -> None:
    assert printable(HOSTILE) == SHOWN
    plain = "Bäume 🌳 名前 \u200d می\u200cخواهم a\tb \\x1b"
    assert printable(plain) == plain


class Command(ReportingCommand[Any]):
    """Says what it is told."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the options."""
        parser.add_argument("--broken", action="store_true")

    def report(self, **options: Any) -> Any:
        """Say it, or fail with it."""
        self.stdout.write(f"Reading {HOSTILE}")
        if options["broken"]:
            raise SemsearchError(f"{HOSTILE} cannot be read.")
        return {"name": HOSTILE.replace("\ud800", "")}


def test_a_command_prints_no_control_characters() -> None:
    for as_json in (False, True):
        out = io.StringIO()
        call_command(Command(), stdout=out, json=as_json, broken=False)
        lines = out.getvalue().split("\n")
        assert lines[0] == f"Reading {SHOWN}"
        assert all(line.isprintable() for line in lines)
        if as_json:
            assert json.loads(lines[1]) == {"name": HOSTILE.replace("\ud800", "")}
        else:
            assert lines[1] == "name: " + SHOWN.replace(r"\ud800", "")
    with pytest.raises(CommandError) as failed:
        call_command(Command(), stdout=io.StringIO(), json=False, broken=True)
    assert str(failed.value) == f"{SHOWN} cannot be read."


def logged(message: str, *values: object, error: Exception | None = None) -> list[str]:
    """Return the lines that a record makes in the log of the settings."""
    log: Any = settings.LOGGING
    formatter = log["formatters"]["line"]
    assert formatter["class"] == "semsearch_site.logs.LineFormatter"
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("gallery", logging.ERROR, __file__, 1, message, values, info)
    return LineFormatter(formatter["format"], style="{").format(record).split("\n")


def test_a_record_is_one_line_whatever_is_in_it() -> None:
    forged = "x.png\n2026-01-01 00:00:00,000 INFO gallery: All is well"
    (line,) = logged("Cannot read %s", forged)
    assert line.endswith(
        r"ERROR gallery: Cannot read x.png\n2026-01-01 00:00:00,000 INFO gallery: All is well"
    )


def test_lines_of_a_traceback_are_indented_and_steer_nothing() -> None:
    first, *rest = logged("Broken", error=ValueError(f"no\n2026-01-01 INFO: {HOSTILE}"))
    assert first.endswith("ERROR gallery: Broken")
    assert rest
    assert all(line.startswith("    ") and line.isprintable() for line in rest)


@pytest.mark.parametrize(
    ("said", "logged_as"),
    [
        ("GET /x?token=abc123&k=5", "GET /x?token=***&k=5"),
        ("Authorization: Token abc123", "Authorization: Token ***"),
        ("{'Authorization': 'Bearer abc.def'}", "{'Authorization': 'Bearer ***'}"),
        ('{"password": "hunter2", "user": "a"}', '{"password": "***", "user": "a"}'),
        ("old_password=x y", "old_password=*** y"),
        ("STORAGE_SECRET_KEY=abc", "STORAGE_SECRET_KEY=***"),
        ("redis://:hunter2@valkey:6379/0", "redis://***@valkey:6379/0"),
        (
            "https://me:pw@example.org/a.png?X-Amz-Signature=12ab",
            "https://***@example.org/a.png?X-Amz-Signature=***",
        ),
        ("The token of this user has ended", "The token of this user has ended"),
        ("at 12:30: job 5 @ worker", "at 12:30: job 5 @ worker"),
    ],
)
def test_secrets_do_not_stand_in_the_log(said: str, logged_as: str) -> None:
    assert without_secrets(said) == logged_as


def test_a_refused_request_takes_one_line_of_the_log() -> None:
    info = (ValueError, ValueError("evil"), None)
    record = logging.LogRecord("django.security.DisallowedHost", logging.ERROR, "", 1, "Refused", (), info)
    assert without_traceback(record)
    assert record.exc_info is None
    ours = logging.LogRecord("gallery", logging.ERROR, "", 1, "Broken", (), info)
    assert without_traceback(ours)
    assert ours.exc_info
