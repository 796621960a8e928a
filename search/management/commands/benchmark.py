"""Measures semsearch beside the original's way, in one run, as ratios."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from gallery.commands import ReportingCommand


class Command(ReportingCommand):
    """`benchmark extract|query|projection|all`."""

    help = "Measure, print and keep figures under benchmarks/results."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the benchmark."""
        parser.add_argument("name", choices=["extract", "query", "projection", "all"])
        parser.add_argument(
            "--images", type=Path, help="extract: a folder of pictures instead of the sample data"
        )
        parser.add_argument("--count", type=int, help="projection: how many vectors (20,000)")

    def report(self, **options: Any) -> dict[str, Any]:
        """Run one benchmark, or all."""
        from benchmarks.extract import extract
        from benchmarks.machine import keep
        from benchmarks.projection import COUNT, projection
        from benchmarks.query import query

        runs: dict[str, Callable[[], dict[str, Any]]] = {
            "extract": lambda: extract(options["images"]),
            "query": query,
            "projection": lambda: projection(options["count"] or COUNT),
        }
        if options["name"] != "all":
            runs = {options["name"]: runs[options["name"]]}
        figures = {}
        for name, run in runs.items():
            figures[name] = run()
            keep(name, figures[name])
        return figures if len(figures) > 1 else next(iter(figures.values()))

    def show(self, report: dict[str, Any]) -> None:
        """Print a table for each benchmark."""
        nested = all(isinstance(value, dict) for value in report.values())
        for name, figures in (report if nested else {"": report}).items():
            self.stdout.write(name)
            for key, value in figures.items():
                self.stdout.write(f"  {key:24} {value}")
