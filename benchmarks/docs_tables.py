"""Writes the tables of figures in the documents from `benchmarks/results`, and names those that differ.

A table stands between two comments, and its name says which of `TABLES` it is:

    <!-- figures: extraction -->
    | | images/s |
    ...
    <!-- /figures -->

Another table is a function below `benchmarks.tables` and an entry in `TABLES`. They are written by
`manage.py benchmark --write-docs`, or by `python -m benchmarks.docs_tables`, which needs nothing but Python.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.tables import index, readme, resolution, scale, speed
from benchmarks.tables.text import Figures, Table

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path("benchmarks") / "results"
MARKED = re.compile(
    r"^<!-- figures: (?P<name>[a-z0-9-]+) -->\n(?P<table>.*?)^<!-- /figures -->$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Source:
    """How a table is made: the results it reads, by name, and the function that takes them in that order."""

    results: tuple[str, ...]
    table: Callable[..., Table]


TABLES: Mapping[str, Source] = {
    "readme": Source(("extract", "http", "index", "projection", "map"), readme.readme),
    "extraction": Source(("extract",), speed.extraction),
    "stages": Source(("extract",), speed.stages),
    "engine": Source(("extract",), speed.engine),
    "serving": Source(("http",), speed.serving),
    "refined": Source(("query",), speed.refined),
    "index": Source(("index",), index.index),
    "index-build": Source(("index",), index.index_build),
    "index-additions": Source(("index",), index.index_additions),
    "index-filters": Source(("index",), index.index_filters),
    "index-tried": Source(("index",), index.index_tried),
    "projection": Source(("projection",), speed.projection),
    "map": Source(("map",), speed.drawing),
    "pages": Source(("pages",), speed.pages),
    "grid": Source(("pages",), speed.grid),
    "workers": Source(("workers",), speed.workers),
    "chaos": Source(("chaos",), speed.chaos),
    "memory": Source(("memory",), speed.memory),
    "resolution": Source(("resolution",), resolution.resolution),
    "unit-costs": Source(("extract", "http", "index"), scale.unit_costs),
    "scale": Source(("extract", "http", "index"), scale.scale),
}


class UnknownTableError(ValueError):
    """A document names a table that nobody makes."""


def write(root: Path) -> list[Path]:
    """Fill every marked table of the documents below `root` and return the files that changed.

    Raises: UnknownTableError, FileNotFoundError for a result that was never measured.
    """
    tables, changed = rendered(root), []
    for path in documents(root):
        before = path.read_text(encoding="utf-8")
        after = MARKED.sub(partial(_filled, tables, path), before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path)
    return changed


def stale(root: Path) -> list[str]:
    """Name each marked table that differs from what the results say, as `docs/speed.md: extraction`."""
    tables, found = rendered(root), []
    for path in documents(root):
        for marked in MARKED.finditer(path.read_text(encoding="utf-8")):
            if _table(tables, path, marked["name"]) != marked["table"]:
                found.append(f"{path.relative_to(root)}: {marked['name']}")
    return found


def documents(root: Path) -> Iterator[Path]:
    """Yield the Markdown files that may hold tables: those beside manage.py and those below docs."""
    yield from sorted(root.glob("*.md"))
    yield from sorted((root / "docs").rglob("*.md"))


def rendered(root: Path) -> dict[str, str]:
    """Return every table as Markdown, by its name."""
    names = sorted({name for source in TABLES.values() for name in source.results})
    results = {name: _result(root, name) for name in names}
    return {
        name: markdown(source.table(*(results[of] for of in source.results)))
        + caption([results[of] for of in source.results])
        for name, source in TABLES.items()
    }


def markdown(table: Table) -> str:
    """Return a table in Markdown: words to the left, figures to the right."""
    rule = ("---",) + ("---:",) * (len(table.head) - 1)
    lines = [table.head, rule, *table.rows]
    return "".join("|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|\n" for cells in lines)


def caption(results: list[Figures]) -> str:
    """Return the line below a table: when its figures were measured, and on what."""
    days = sorted({str(result["measured_at"])[:10] for result in results})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    machines: dict[str, str] = {}
    for facts in (result["machine"] for result in results):
        name = f"{facts['processor']}, {facts['cores']} cores"
        # some results do not name the instruction sets
        machines[name] = " ".join(facts.get("instructions", ())) or machines.get(name, "")
    where = "; ".join(f"{name} ({sets})" if sets else name for name, sets in machines.items())
    return f"\nMeasured {when}: {where}.\n"


def _result(root: Path, name: str) -> Figures:
    figures: Figures = json.loads((root / RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return figures


def _table(tables: Mapping[str, str], path: Path, name: str) -> str:
    if name not in tables:
        raise UnknownTableError(f"{path.name} names a table {name!r}; there are {', '.join(tables)}.")
    return tables[name]


def _filled(tables: Mapping[str, str], path: Path, marked: re.Match[str]) -> str:
    name = marked["name"]
    return f"<!-- figures: {name} -->\n{_table(tables, path, name)}<!-- /figures -->"


if __name__ == "__main__":
    sys.stdout.writelines(f"{path.relative_to(ROOT)}\n" for path in write(ROOT))
