"""How the log is written: a record is a line, or JSON on one; nothing that a stranger chose begins one."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from gallery.system import log_context
from gallery.system.terminal import printable

FORMATS = ("line", "json")
# Celery tells of each message that comes, is done or came too late: of one import hundreds of lines. What
# jobs do, `gallery.jobs` says.
CHATTERING = ("celery", "kombu")

# what stands behind these names in an address, a header or a setting
SECRETS = re.compile(
    r"""(?ix) (\b
    (?:[a-z_]*(?:password|passwd|secret|token|api_?key|signature|credential)[a-z_]* | authorization)
    ["']? \s* [=:] \s* ["']? (?:(?:token|bearer|basic)\s+)?) [^\s"'&,;)}]+"""
)
SIGN_IN = re.compile(r"(?<=://)[^/\s@]+@")  # user and password of an address


class LineFormatter(logging.Formatter):
    """Writes control characters as escapes and leaves out what signs in; a traceback is indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Return the line of the record, and what it belongs to."""
        belongs = "".join(f" [{name} {value}]" for name, value in _belongs_to().items())
        return without_secrets(printable(super().formatMessage(record))) + belongs

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """Return the traceback, of which no line begins as a record does."""
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"    {without_secrets(printable(line))}" for line in lines)


class JsonFormatter(logging.Formatter):
    """Writes a record as a JSON object on a line; `record.fields` are further keys of it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
            "pid": record.process,
            **_belongs_to(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            said["exception"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(said, default=str)


class Asking(logging.Filter):
    """Keeps the records that a function says are to be kept."""

    def __init__(self, keeps: Callable[[logging.LogRecord], bool]) -> None:
        super().__init__()
        self._keeps = keeps

    def filter(self, record: logging.LogRecord) -> bool:
        """Ask."""
        return self._keeps(record)


def _belongs_to() -> dict[str, object]:
    """Return the request and the job that what is logged now belongs to."""
    names = {"request": log_context.request_id(), "job": log_context.job_id()}
    return {name: value for name, value in names.items() if value}


def configured(log_format: str, level: str) -> dict[str, object]:
    """Return how Django, Celery and gunicorn shall log; `log_format` is one of FORMATS."""
    chatter = "DEBUG" if level.upper() == "DEBUG" else "WARNING"
    asking = "semsearch_site.logs.Asking"  # Django's own would load its mail in gunicorn's first process
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "class": "semsearch_site.logs.LineFormatter",
                "format": "{asctime} {levelname} {name}: {message}",
                "style": "{",
            },
            "json": {"class": "semsearch_site.logs.JsonFormatter"},
        },
        "filters": {
            "said": {"()": asking, "keeps": "ext://semsearch_site.logs.not_said_already"},
            "refused": {"()": asking, "keeps": "ext://semsearch_site.logs.without_traceback"},
        },
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": log_format, "filters": ["refused"]}
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django.request": {"level": "ERROR", "filters": ["said"]},
            "faiss": {"level": "WARNING"},
            "gunicorn.error": {"handlers": ["console"], "propagate": False},
            **{name: {"level": chatter} for name in CHATTERING},
            # they say each attempt; `gallery.system.outages` says when an outage begins and ends
            "psycopg.pool": {"level": "ERROR"},
            "celery.worker.consumer.consumer": {"level": "ERROR"},
        },
    }


def say(write: Callable[[str], object], words: str, level: int = logging.WARNING) -> None:
    """Say something to whoever started the site, or as a line of its log where that is JSON."""
    if _writes_json():
        logging.getLogger("semsearch_site.serve").log(level, "%s", words)
    else:
        write(words)


def _writes_json() -> bool:
    return any(isinstance(handler.formatter, JsonFormatter) for handler in logging.root.handlers)


def _is_outage(error: BaseException | None) -> bool:
    # the supervisor, and gunicorn's first process, load no Django
    from gallery.system import outages

    return outages.passing(error) is not None


def passed_on(name: str, line: bytes) -> bytes:
    """Return a line that a part of the site said, as the log has it: JSON around one that is not JSON.

    Of an empty line nothing is left there.
    """
    if not _writes_json() or line.startswith(b"{"):
        return line
    if not line.strip():
        return b""
    said = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": "INFO", "logger": name,
        "message": without_secrets(line.decode(errors="replace").rstrip()), "pid": os.getpid(),
    }  # fmt: skip
    return json.dumps(said).encode() + b"\n"


def without_secrets(text: str) -> str:
    """Return a text of the log without passwords and tokens."""
    return SIGN_IN.sub("***@", SECRETS.sub(r"\1***", text))


def not_said_already(record: logging.LogRecord) -> bool:
    """Drop what Django says once more of an error that stands in the log with its number."""
    return not hasattr(getattr(record, "request", None), "error_number")


def without_traceback(record: logging.LogRecord) -> bool:
    """Leave the way through the program out where a request was refused, or where an outage was met.

    Any stranger could fill the log with the first; the second is no defect, whoever logs it.
    """
    if record.name.startswith(("django.security.", "celery.bootsteps")):
        # the second: parts of a worker that end with their connection, whatever they meet in doing so
        record.exc_info = record.exc_text = None
    elif record.exc_info and _is_outage(record.exc_info[1]):
        record.msg, record.args = f"{record.getMessage()} ({type(record.exc_info[1]).__name__})", ()
        record.exc_info = record.exc_text = None
    return True
