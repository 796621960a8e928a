"""Which benchmarks there are, what each is told and what of it stands in the table.

Another one is an entry here and a function that returns its figures. Its ratios come from `rounds`, so that
all are taken alike: in turn with the peer, several times, as medians with their spread.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from typing import Any

from benchmarks.machine import keep, load
from benchmarks.needs import Need
from benchmarks.processes import output_of

Figures = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """A line of the table: keys of our figure, of what it is compared with, and of their ratio."""

    title: str
    ours: str
    other: str
    ratio: str = "ratio"
    beside: str = "the original's way"


@dataclass(frozen=True)
class Benchmark:
    """A benchmark: where its function is, the options that it takes, and its lines of the table."""

    function: str  # module:function below benchmarks
    options: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    needing: str = ""  # module:function that tells what is missing, of the same options where it takes them

    def needs(self, **given: Any) -> list[Need]:
        """Return what this machine lacks, and how to install it."""
        if not self.needing:
            return []
        missing: Callable[..., list[Need]] = _named(self.needing)
        takes = signature(missing).parameters
        return missing(**{name: value for name, value in given.items() if name in takes})

    def run(self, **given: Any) -> Figures:
        """Measure and return the figures; what is needed for it is imported now."""
        function: Callable[..., Figures] = _named(self.function)
        return function(**given)


def _named(name: str) -> Any:
    """Return what `module:function` names below benchmarks."""
    module, _, function = name.partition(":")
    return getattr(import_module(f"benchmarks.{module}"), function)


BENCHMARKS: Mapping[str, Benchmark] = {
    "extract": Benchmark(
        "extract:extract",
        ("folder", "count"),
        (
            Line("import and extraction, images/s", "images_per_s", "peer_images_per_s"),
            Line("", "images_per_s", "bound_images_per_s", "of_bound", "the slower of engine and decoder"),
        ),
    ),
    "query": Benchmark(
        "query:query",
        (),
        (
            Line("query, median ms", "query_ms_p50", "peer_query_ms_p50"),
            Line("two more for it, two against", "steered_ms_p50", "query_ms_p50", "", "a plain query"),
            Line("with a part of an image", "framed_ms_p50", "query_ms_p50", "", "a plain query"),
            Line("among parts as well", "parts_ms_p50", "query_ms_p50", "", "a plain query"),
            Line("tuned to its labels", "tuned_ms_p50", "query_ms_p50", "", "a plain query"),
            Line("by a word", "words_ms_p50", "query_ms_p50", "", "a plain query"),
            Line("by a text", "text_ms_p50", "query_ms_p50", "", "a plain query"),
            Line("with a filter", "filtered_ms_p50", "query_ms_p50", "", "a plain query"),
            Line("copies folded", "folded_ms_p50", "query_ms_p50", "", "a plain query"),
            Line("in groups", "grouped_ms_p50", "query_ms_p50", "", "a plain query"),
            Line("recall among ten, the worst filter", "filtered_least_recall", "", "", ""),
        ),
    ),
    "regions": Benchmark("regions:regions", ("folder",)),
    "resolution": Benchmark("resolution:resolution", ("folder",)),
    "http": Benchmark(
        "http:http",
        ("clients", "seconds"),
        (
            Line("one client, median ms", "one_client_ms_p50", "peer_one_client_ms_p50", "one_client_ratio"),
            Line("many clients, searches/s", "requests_per_s", "peer_requests_per_s"),
            Line("many clients, p99 ms", "ms_p99", "peer_ms_p99", "p99_ratio"),
            Line("many clients, processor ms a search", "cpu_ms", "peer_cpu_ms", "cpu_ratio"),
        ),
    ),
    "pages": Benchmark(
        "pages:pages",
        ("count",),
        (
            Line(
                "slowest of a million rows, ms",
                "slowest_ms",
                "slowest_of_few_ms",
                beside="the same page of a thousand rows",
            ),
        ),
    ),
    "filters": Benchmark(
        "filters:filters",
        ("count",),
        (
            Line(
                "slowest filter of a million rows, ms", "slowest_ms", "allowed_ms", "", "the most it may take"
            ),
        ),
    ),
    "index": Benchmark(
        "index.measure:index",
        ("count",),
        (
            Line("recall among ten", "recall_at_10", "", "", ""),
            Line("query, median ms", "query_ms_p50", "best_peer_ms_p50", beside="the fastest graph"),
            Line("bytes a vector", "bytes_per_vector", "least_peer_bytes", "memory_ratio", "its smallest"),
        ),
        "index.measure:needs",
    ),
    "projection": Benchmark(
        "projection:projection",
        ("count",),
        (
            Line("UMAP, seconds", "seconds", "peer_seconds", beside="umap-learn as it comes"),
            Line("its trustworthiness", "trustworthiness", "peer_trustworthiness", "", ""),
        ),
    ),
    "memory": Benchmark(
        "memory:memory",
        ("count",),
        (Line("import and index, peak MB", "peak_mb", "few_peak_mb", "growth", "a tenth of the pictures"),),
    ),
    "workers": Benchmark(
        "fleet.workers:workers",
        ("count",),
        (Line("two workers, images/s", "two_images_per_s", "one_images_per_s", beside="one worker"),),
        "fleet.servers:needs",
    ),
    "chaos": Benchmark(
        "fleet.chaos:chaos",
        ("count",),
        (Line("a run with kills, seconds", "seconds", "limit_seconds", "", "the most it may take"),),
        "fleet.servers:needs",
    ),
}


def measured(name: str, given: Mapping[str, Any]) -> Figures:
    """Run one benchmark and keep its figures."""
    before = load()
    figures = BENCHMARKS[name].run(**given)
    keep(name, figures, before)
    return figures


def missing(names: Iterable[str], given: Mapping[str, Any], *, optional: bool) -> dict[str, list[Need]]:
    """Return what the benchmarks lack on this machine, those that lack nothing left out."""
    lacks = {
        name: [need for need in BENCHMARKS[name].needs(**given) if need.optional == optional]
        for name in names
    }
    return {name: needs for name, needs in lacks.items() if needs}


def measured_apart(name: str) -> Figures:
    """Run one benchmark in a process of its own and return its figures.

    The libraries of one leave threads and memory behind that the next would be measured with.
    Raises: MeasuringError with what it failed of.
    """
    command = [sys.executable, "manage.py", "benchmark", name, "--json"]
    figures: Figures = json.loads(output_of(command).splitlines()[-1])
    return figures


def listed(figures: Figures) -> list[str]:
    """Return all figures, one a line; where a figure is a list of rows, as a table."""
    lines = []
    for key, value in figures.items():
        if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            head = tuple(str(name) for name in value[0])
            rows = [head, *(tuple(str(row.get(name, "")) for name in head) for row in value)]
            lines += [key, *(f"  {row}" for row in _aligned(rows))]
        else:
            lines.append(f"{key:28} {value}")
    return lines


def table(results: Mapping[str, Figures]) -> list[str]:
    """Return the lines of a table: our figures, what they are compared with, ratios and their spread."""
    rows: list[tuple[str, ...]] = [("", "semsearch", "compared", "ratio", "spread", "with")]
    for name, figures in results.items():
        rows += [
            _cells(name, line, figures)
            for line in BENCHMARKS[name].lines
            if figures.get(line.ours) is not None
        ]
    return _aligned(rows)


def _cells(name: str, line: Line, figures: Figures) -> tuple[str, ...]:
    ratio, spread = figures.get(line.ratio, ""), figures.get(f"{line.ratio}_spread", [])
    return (
        f"{name}: {line.title}" if line.title else "",
        str(figures[line.ours]),
        str(figures.get(line.other, "")),
        str(ratio),
        " to ".join(str(value) for value in spread),
        line.beside,
    )


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines, the first being the head: columns that hold figures end below each other."""
    columns = list(zip(*rows, strict=True))
    widths = [max(len(cell) for cell in column) for column in columns]
    of_words = [any(cell[:1].isalpha() for cell in column[1:]) for column in columns]
    return [
        "  ".join(
            cell.ljust(width) if words else cell.rjust(width)
            for cell, width, words in zip(row, widths, of_words, strict=True)
        ).rstrip()
        for row in rows
    ]
