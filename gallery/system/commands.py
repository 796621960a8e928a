"""What the management commands share: one JSON object as the last line, errors in words."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TextIO, TypeVar, cast

from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    DjangoHelpFormatter,
    OutputWrapper,
)

from gallery.access import audit
from gallery.errors import NotFoundError, SemsearchError
from gallery.models import Dataset
from gallery.system import outages, progress
from gallery.system.open_datasets import DatasetClosedError
from gallery.system.terminal import printable

Report = TypeVar("Report", bound=Mapping[str, object])
Result = TypeVar("Result")

DONE, FAILED, PARTLY = 0, 1, 3  # 2 is argparse's for wrong usage
INTERRUPTED = 130  # as shells count it
# The tag of the system checks of settings, the only ones that a command waits for: those of addresses, pages
# and models look at what changes with the code, and loading that takes nearly half of a start.
SETTINGS = "settings"
STATUSES = "Exit status: 0 done, 1 failed, 2 wrong usage, 3 done in part, 130 stopped by Ctrl-C."
STOPPED = "Stopped. What was done is kept; the same command goes on from there."


class _Formatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Keeps the lines of examples."""


class PrintableOutput(OutputWrapper):
    """Where a command writes: names of files, labels and errors in it cannot steer the terminal.

    JSON means the same with a character as an escape.
    """

    def write(  # type: ignore[override]  # as Django's own has more parameters than a file's
        self, msg: str = "", style_func: Callable[[str], str] | None = None, ending: str | None = None
    ) -> None:
        """Write a line: an end of line within it is no character of ours either."""
        with progress.aside():
            super().write(printable(msg.removesuffix("\n")), style_func, ending)


class ReportingCommand(BaseCommand, Generic[Report]):
    """A command whose `report`, a `TypedDict`, is printed as words or, with --json, as one line of JSON."""

    # whole lines, each option in one of them
    examples: tuple[str, ...] = ()
    exit_status = DONE
    requires_system_checks: tuple[str, ...] = (SETTINGS,)
    # names of files, labels and errors, which others chose, cannot steer the terminal
    prints_names = True

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Add --json to every command, and its examples and exit statuses to the help."""
        program = Path(prog_name).name
        lines = "\n".join(f"  {program} {subcommand} {line}".rstrip() for line in self.examples)
        kwargs |= {"epilog": f"Examples:\n{lines}\n\n{STATUSES}", "formatter_class": _Formatter}
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        """Run from the command line, and end with the status that the work came to."""
        super().run_from_argv(argv)
        if self.exit_status != DONE:
            sys.exit(self.exit_status)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run `report` and print what it returns."""
        if self.prints_names:
            outputs = (PrintableOutput(cast(TextIO, out)) for out in (self.stdout, self.stderr))
            self.stdout, self.stderr = outputs
        try:
            by = audit.by_command(type(self).__module__.rpartition(".")[2])
            with audit.acting_as(by), progress.shown(wanted=options["verbosity"] > 0):
                report = self.report(**options)
        except KeyboardInterrupt as error:
            raise CommandError(STOPPED, returncode=INTERRUPTED) from error
        except SemsearchError as error:
            raise CommandError(printable(str(error))) from error
        except Exception as error:
            if (found := outages.passing(error)) is None:
                raise
            raise CommandError(printable(str(found))) from error
        self.exit_status = self.status_of(report)
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False))
        else:
            self.show(report)

    def show(self, report: Report) -> None:
        """Print a report for people."""
        for key, value in report.items():
            self.stdout.write(f"{key.replace('_', ' ')}: {_in_words(value)}")

    def status_of(self, report: Report) -> int:
        """Return the exit status of a report: PARTLY where some of what was asked for could not be done."""
        return DONE

    def report(self, **options: Any) -> Report:
        """Do the work and return what there is to say."""
        raise NotImplementedError


def _in_words(value: object) -> str:
    """A value of a report as people read it: counts as "cats 3, dogs 2", lists with commas."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items()) or "none"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def positive(text: str) -> int:
    """Return a number of at least 1 from the command line. Raises: ArgumentTypeError for anything else."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ArgumentTypeError(f"{text!r} is no whole number of 1 or more")
    return number


def undeleted(datasets: Iterable[Dataset], work: Callable[[Dataset], Result]) -> Iterator[Result]:
    """Yield what work comes to for each dataset; one of several that is deleted meanwhile is passed over.

    Raises: DatasetClosedError for one that was asked for alone.
    """
    rows = list(datasets)
    for dataset in rows:
        try:
            yield work(dataset)
        except (DatasetClosedError, Dataset.DoesNotExist):
            if len(rows) == 1:
                raise


def datasets_named(slug: str | None) -> list[Dataset]:
    """Return the dataset of a slug, or all. Raises: NotFoundError."""
    if slug is None:
        return list(Dataset.objects.order_by("pk"))
    try:
        return [Dataset.objects.called(slug)]
    except NotFoundError as error:
        known = ", ".join(Dataset.objects.values_list("slug", flat=True)) or "none yet"
        raise NotFoundError(f"{error.detail} Known: {known}.") from error
