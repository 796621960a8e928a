"""Writes the parts of the reference that are made from the code, and names those that differ from it.

A part stands between two comments, and its name says which of `PARTS` it is:

    <!-- made from the code: commands -->
    ...
    <!-- /made from the code -->

`manage.py write_reference` writes them; a test fails while one differs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from semsearch_site.docs import api_table, commands_table, formats_table, networks_table, settings_table

MARKED = re.compile(
    r"(^<!-- made from the code: (?P<name>[a-z-]+) -->\n)(?P<part>.*?)(^<!-- /made from the code -->$)",
    re.DOTALL | re.MULTILINE,
)
ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = Path("docs") / "reference"
PARTS: Mapping[str, Callable[[Path], str]] = {
    "settings": lambda root: settings_table.as_markdown((root / ".env.example").read_text(encoding="utf-8")),
    "commands": lambda root: commands_table.as_markdown(),
    "api": lambda root: api_table.as_markdown(),
    "networks": lambda root: networks_table.as_markdown(),
    "formats": lambda root: formats_table.as_markdown(),
}


def stale(root: Path) -> list[str]:
    """Name each document of the reference that differs from the code."""
    return [str(path.relative_to(root)) for path, now, then in _made(root) if now != then]


def write(root: Path) -> list[str]:
    """Fill the parts of every document of the reference and return the documents that changed."""
    changed = []
    for path, now, then in _made(root):
        if now != then:
            path.write_text(now, encoding="utf-8")
            changed.append(str(path.relative_to(root)))
    return changed


def _made(root: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield each document, what it should say, and what it says."""
    for path in sorted((root / FOLDER).glob("*.md")):
        then = path.read_text(encoding="utf-8")
        yield (
            path,
            MARKED.sub(lambda found: f"{found[1]}{PARTS[found['name']](root)}\n{found[4]}", then),
            then,
        )
