"""Measures semsearch beside its peers, in one run, as ratios."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from gallery.system.commands import ReportingCommand

OPTIONS = {"folder": "--images", "count": "--count", "clients": "--clients", "seconds": "--seconds"}


class Command(ReportingCommand):
    """`benchmark NAME|all`, or `benchmark --write-docs`."""

    help = "Measure, print and keep figures under benchmarks/results."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the benchmark."""
        from benchmarks.suite import BENCHMARKS

        names = [*BENCHMARKS, "all"]
        parser.add_argument("name", nargs="?", choices=names, metavar="|".join(names))
        parser.add_argument(
            "--write-docs", action="store_true", help="fill the tables of the documents from the kept results"
        )
        parser.add_argument(
            "--images", type=Path, dest="folder", help="a folder of pictures instead of its own"
        )
        parser.add_argument("--count", type=int, help="how many vectors, rows or pictures")
        parser.add_argument("--clients", type=int, help="how many clients at once")
        parser.add_argument("--seconds", type=float, help="how long they ask each server")

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
        if name != "all":
            return suite.measured(name, given)
        results = {}
        for number, one in enumerate(suite.BENCHMARKS, start=1):
            self.stderr.write(f"[{number}/{len(suite.BENCHMARKS)}] {one}")
            figures = suite.measured_apart(one, self.stderr.write)
            if figures is not None:
                results[one] = figures
        if missing := [one for one in suite.BENCHMARKS if one not in results]:
            self._print(results)
            raise CommandError(f"No figures of {', '.join(missing)}: see above.")
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
