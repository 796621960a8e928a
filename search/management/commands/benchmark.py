"""Measures semsearch beside the original's way, in one run, as ratios."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from gallery.commands import ReportingCommand

Figures = dict[str, Any]

NAMES = ("extract", "query", "http", "projection")


class Command(ReportingCommand):
    """`benchmark extract|query|http|projection|all`."""

    help = "Measure, print and keep figures under benchmarks/results."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the benchmark."""
        parser.add_argument("name", choices=[*NAMES, "all"])
        parser.add_argument(
            "--images", type=Path, help="extract: a folder of pictures instead of the sample data"
        )
        parser.add_argument("--count", type=int, help="projection: how many vectors (20,000)")
        parser.add_argument("--clients", type=int, help="http: how many clients at once (16)")
        parser.add_argument("--seconds", type=float, help="http: how long they ask each server (60)")

    def report(self, **options: Any) -> Figures:
        """Run one benchmark, or all."""
        from benchmarks.machine import keep

        runs = _runs(options)
        names = NAMES if options["name"] == "all" else (options["name"],)
        figures = {}
        for number, name in enumerate(names, start=1):
            began = time.monotonic()
            self.stderr.write(f"[{number}/{len(names)}] {name}")
            figures[name] = runs[name]()
            keep(name, figures[name])
            self.stderr.write(f"[{number}/{len(names)}] {name}: {time.monotonic() - began:.0f} s")
        return figures if len(figures) > 1 else next(iter(figures.values()))

    def show(self, report: Figures) -> None:
        """Print a table for each benchmark."""
        nested = all(isinstance(value, dict) for value in report.values())
        for name, figures in (report if nested else {"": report}).items():
            self.stdout.write(name)
            for key, value in figures.items():
                self.stdout.write(f"  {key:24} {value}")


def _runs(options: dict[str, Any]) -> dict[str, Callable[[], Figures]]:
    """Return how each benchmark is run; what it needs is imported when it is."""

    def extract() -> Figures:
        from benchmarks import extract

        return extract.extract(options["images"])

    def query() -> Figures:
        from benchmarks import query

        return query.query()

    def http() -> Figures:
        from benchmarks import http

        return http.http(options["clients"] or http.CLIENTS, options["seconds"] or http.SECONDS)

    def projection() -> Figures:
        from benchmarks import projection

        return projection.projection(options["count"] or projection.COUNT)

    return {run.__name__: run for run in (extract, query, http, projection)}
