"""How the log is written: a record begins a line, and nothing that a stranger chose does."""

from __future__ import annotations

import logging
import re
from typing import Any

from gallery.system import outages
from gallery.system.terminal import printable

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
        """Return the line of the record."""
        return without_secrets(printable(super().formatMessage(record)))

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """Return the traceback, of which no line begins as a record does."""
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"    {without_secrets(printable(line))}" for line in lines)


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
    elif record.exc_info and outages.passing(record.exc_info[1]):
        record.msg, record.args = f"{record.getMessage()} ({type(record.exc_info[1]).__name__})", ()
        record.exc_info = record.exc_text = None
    return True
