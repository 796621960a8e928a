"""Supervises the parts of the site as `serve` planned them, in a process that knows nothing else.

`serve` becomes this program: what Django, an import or a network took of memory is given back with that.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from logging.config import dictConfig
from pathlib import Path
from typing import Never, TextIO

from gallery.errors import SemsearchError
from gallery.system.home.shipped_files import python_path
from gallery.system.measuring import seats
from semsearch_site import logs
from semsearch_site.supervision.supervisor import Supervisor


@dataclass(frozen=True)
class PlannedPart:
    """A part of the site: its name and its command.

    The next one waits until it listens on a socket, where one is named. Lines that hold `without` are left
    out of what it says.
    """

    name: str
    command: Sequence[str]
    listens_on: str = ""
    without: str = ""


@dataclass(frozen=True)
class Plan:
    """What runs on a state folder, and what is said when all of it has been started."""

    state: str
    parts: Sequence[PlannedPart]
    says: Sequence[str]
    metrics: str = ""  # the folder in which the processes of the site enter themselves
    log_format: str = "line"


def become_supervisor(plan: Plan) -> Never:
    """Put this program in the place of this process, which keeps its number, environment and output."""
    sys.stdout.flush()
    sys.stderr.flush()
    atexit._run_exitfuncs()
    given, told = (
        os.pipe()
    )  # not the command line, which others may read: a code for the first account is in it
    os.set_inheritable(given, True)
    with os.fdopen(told, "w") as plan_file:
        json.dump(asdict(plan), plan_file)
    command = [sys.executable, "-m", "semsearch_site.supervise", str(given)]
    os.execve(sys.executable, command, os.environ | {"PYTHONPATH": python_path()})


def main() -> int:
    """Carry out the plan that is read from the descriptor on the command line; returns the exit status."""
    with os.fdopen(int(sys.argv[1])) as plan_file:
        told = json.load(plan_file)
    plan = Plan(**told | {"parts": [PlannedPart(**part) for part in told["parts"]]})
    if plan.log_format == "json":
        dictConfig(logs.configured(plan.log_format, "INFO"))
    if plan.metrics:
        with suppress(OSError):  # then it is missing in the metrics, no more
            seats.take(Path(plan.metrics), "supervisor")
    try:
        with Supervisor(Path(plan.state), _complain) as supervisor:
            for part in plan.parts:
                supervisor.start(part.name, list(part.command), without=part.without.encode())
                if part.listens_on:
                    supervisor.wait_for_socket(Path(part.listens_on), part.name)
            for line in plan.says:
                logs.say(_writing_to(sys.stdout), line, logging.INFO)
            return supervisor.run()
    except SemsearchError as error:
        _complain(f"CommandError: {error.detail}")
        return 1


def _complain(words: str) -> None:
    logs.say(_writing_to(sys.stderr), words)


def _writing_to(stream: TextIO) -> Callable[[str], None]:
    def write(line: str) -> None:
        stream.write(f"{line}\n")
        stream.flush()

    return write


if __name__ == "__main__":
    sys.exit(main())
