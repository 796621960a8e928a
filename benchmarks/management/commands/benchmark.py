"""Measures semsearch beside its peers, in one run, as ratios."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from gallery.system.commands import ReportingCommand, positive

OPTIONS = {"folder": "--images", "count": "--count", "clients": "--clients", "seconds": "--seconds"}


class Command(ReportingCommand[dict[str, Any]]):
    """`benchmark NAME|all`, or `benchmark --write-docs`."""

    prints_names = False  # but figures and words of ours, several lines at once
    help = "Measure, print and keep figures under benchmarks/results."
    examples = (
        "extract --images ~/Pictures",
        "index --count 100000 --json",
        "http --clients 16 --seconds 60",
        "all --skip-missing",
        "--write-docs",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the benchmark."""
        from benchmarks.suite import BENCHMARKS

        names = [*BENCHMARKS, "all"]
        parser.add_argument("name", nargs="?", choices=names, metavar="|".join(names), help="which, or all")
        parser.add_argument(
            "--write-docs", action="store_true", help="fill the tables of the documents from the kept results"
        )
        parser.add_argument(
            "--images", type=Path, dest="folder", help="a folder of pictures instead of its own"
        )
        parser.add_argument("--count", type=positive, help="how many vectors, rows or pictures")
        parser.add_argument("--clients", type=positive, help="how many clients at once")
        parser.add_argument("--seconds", type=float, help="how long they ask each server")
        parser.add_argument(
            "--skip-missing",
            action="store_true",
            help="leave out of all what this machine lacks the means for",
        )

    def report(self, **options: Any) -> dict[str, Any]:
        """Run one benchmark, or all, or write what was measured into the documents."""
        from benchmarks import suite

        if options["write_docs"]:
            return self._written(options["name"])
        if options["name"] is None:
            raise CommandError("Name a benchmark, or all, or give --write-docs.")
        name, given = options["name"], {key: options[key] for key in OPTIONS if options[key] is not None}
        takes = suite.BENCHMARKS[name].options if name != "all" else ()
        if unknown := [OPTIONS[key] for key in given if key not in takes]:
            raise CommandError(f"benchmark {name} does not take {', '.join(unknown)}.")
        names = self._ready([*suite.BENCHMARKS] if name == "all" else [name], given, options["skip_missing"])
        return self._all(names) if name == "all" else suite.measured(name, given)

    def _ready(self, names: list[str], given: dict[str, Any], skip_missing: bool) -> list[str]:
        """Return those of the benchmarks that can be measured, after saying what the others lack."""
        from benchmarks import suite
        from benchmarks.needs import told

        if lesser := suite.missing(names, given, optional=True):
            self.stderr.write(f"Measured without these, which are not installed:\n{told(lesser)}")
        lacking = suite.missing(names, given, optional=False)
        ready = [name for name in names if name not in lacking]
        if lacking and not (skip_missing and ready):
            raise CommandError(
                f"Nothing was measured, for this is not installed:\n{told(lacking)}"
                + (
                    "\nOr measure the others alone with --skip-missing (make bench OPTIONS=--skip-missing)."
                    if ready
                    else ""
                )
            )
        if lacking:
            self.stderr.write(f"Left out, for this is not installed:\n{told(lacking)}")
        return ready

    def _all(self, names: list[str]) -> dict[str, Any]:
        """Measure one benchmark after the other; one that fails does not keep the others from it."""
        from benchmarks import suite
        from benchmarks.processes import MeasuringError

        results, failures = {}, {}
        for number, name in enumerate(names, start=1):
            self.stderr.write(f"[{number}/{len(names)}] {name}")
            began = time.monotonic()
            try:
                results[name] = suite.measured_apart(name)
            except MeasuringError as error:
                failures[name] = error.detail
            self.stderr.write(f"{name}: {time.monotonic() - began:.0f} s")
        if failures:
            self._print(results)
            raise CommandError("\n".join(f"{name} failed: {why}" for name, why in failures.items()))
        return results

    def _written(self, name: str | None) -> dict[str, Any]:
        """Fill the tables of the documents; returns the files that changed."""
        from benchmarks import docs_tables

        if name is not None:
            raise CommandError("--write-docs takes no benchmark: it reads the results of all of them.")
        changed = docs_tables.write(docs_tables.ROOT)
        return {"changed": [str(path.relative_to(docs_tables.ROOT)) for path in changed]}

    def show(self, report: dict[str, Any]) -> None:
        """Print the figures of one benchmark, or of each, or the documents that were changed."""
        if "changed" in report:
            self.stdout.write("\n".join(report["changed"]) or "The documents say what the results say.")
            return
        self._print(report if all(isinstance(value, dict) for value in report.values()) else {"": report})

    def _print(self, results: dict[str, dict[str, Any]]) -> None:
        from benchmarks.machine import described, machine
        from benchmarks.suite import listed, table

        for name, figures in results.items():
            self.stdout.write(name)
            self.stdout.write("\n".join(f"  {line}" for line in listed(figures)))
        self.stdout.write(described(machine()))
        if "" not in results:
            self.stdout.write("\n".join(table(results)))
