"""Parts of a benchmark that run in processes of their own, and what is said when one of them fails."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gallery.errors import SemsearchError

ROOT = Path(__file__).resolve().parent.parent
# how Python and Django begin the line of an error of ours; what follows is a sentence for people
OURS = re.compile(r"^(?:CommandError|(?:benchmarks|gallery|search|semsearch_site)\.[\w.]+): ")


class MeasuringError(SemsearchError):
    """A part of a benchmark did not do its work."""

    code = "measuring_failed"
    status = 500


class Complaints:
    """The stderr of a process, passed on as it comes; its last line is what the process failed of."""

    def __init__(self) -> None:
        self._last = ""
        self._read, self.write = os.pipe()
        self._reader = threading.Thread(target=self._pass_on, daemon=True)
        self._reader.start()

    def _pass_on(self) -> None:
        with os.fdopen(self._read, errors="replace") as lines:
            for line in lines:
                sys.stderr.write(line)
                sys.stderr.flush()
                self._last = line.strip() or self._last

    def last(self) -> str:
        """Wait until the process and all that it started have closed it, and return its last line."""
        os.close(self.write)
        self._reader.join()
        return OURS.sub("", self._last)


def output_of(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, given: str | None = None
) -> str:
    """Run a command in the root of the project and return what it printed; `given` is its stdin.

    Raises: MeasuringError with the last line it complained with.
    """
    complaints = Complaints()
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            input=given,
            stdout=subprocess.PIPE,
            stderr=complaints.write,
            text=True,
        )
    finally:
        reason = complaints.last()
    if done.returncode:
        raise failed(command, done.returncode, reason)
    return done.stdout


def failed(command: Sequence[str], status: int, reason: str) -> MeasuringError:
    """Return the error of a command that ended with a status, for a reason where one is known."""
    words = [word for word in command if word != sys.executable]
    return MeasuringError(reason or f"{' '.join(words)} ended with status {status} and said nothing.")


def found_by(module: str, *words: str, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a module of the benchmarks, see `as_part`, and return what it found. Raises: MeasuringError."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *words]
    found: dict[str, Any] = json.loads(output_of(command, environment=environment).splitlines()[-1])
    return found


def as_part(work: Callable[[], Mapping[str, Any]]) -> None:
    """Set Django up, do the work and print what it found as JSON; an error of ours is one line, no trace."""
    import django

    django.setup()
    try:
        found = work()
    except SemsearchError as error:
        sys.exit(error.detail)
    print(json.dumps(found))
