"""The documents name only files, modules, commands and headings that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = (
    "gallery", "search", "semsearch_site", "benchmarks", "tests", "static", "templates", "docs", "deploy",
    "sample_data", "semsearch", "clients",
)  # fmt: skip
PACKAGES = "gallery|search|semsearch_site|benchmarks|tests"
# commands of Django itself and of those it comes with
DJANGO = {"createsuperuser", "makemigrations", "check", "collectstatic", "version"}


PLACEHOLDER = "NAME"  # of a path that a reader fills in


def named(document: Path, pattern: str) -> Iterator[str]:
    """Yield what a document says in the group of a pattern."""
    for found in re.finditer(pattern, document.read_text(encoding="utf-8"), flags=re.MULTILINE):
        yield found[1]


def is_module(name: str) -> bool:
    """Whether a dotted name is a module, a package, or something in one of them."""
    parts = name.split(".")
    places = (ROOT.joinpath(*parts[:end]) for end in range(len(parts), 1, -1))
    return any(place.is_dir() or place.with_suffix(".py").is_file() for place in places)


def headings(document: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a document."""
    words = (re.sub(r"[^\w\- ]", "", title.lower()) for title in named(document, r"^#+ (.+)$"))
    return {title.replace(" ", "-") for title in words}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    paths = {path for path in named(document, r"`([\w.-]+/[\w./-]*)`") if path.split("/")[0] in FOLDERS}
    missing = [path for path in sorted(paths) if not (ROOT / path).exists()]
    assert not [path for path in missing if PLACEHOLDER not in path]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_module_that_a_document_names_exists(document: Path) -> None:
    quoted = named(document, rf"`((?:{PACKAGES})(?:\.[a-z_]\w*)+)`")
    modules = {*quoted, *named(document, r"-m ([a-z_]+(?:\.\w+)+)")}
    assert not [name for name in sorted(modules) if not is_module(name)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_that_a_document_names_exists(document: Path) -> None:
    commands = set(named(document, r"manage\.py ([a-z][a-z_]+)"))
    ours = {path.stem for path in ROOT.glob("*/management/commands/*.py")}
    assert commands <= ours | DJANGO


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    broken = []
    for link in named(document, r"\]\(([^)\s]+)\)"):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if path.startswith(("http:", "https:", "/")):
            continue
        if not target.exists() or (anchor and anchor not in headings(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_image_is_there(document: Path) -> None:
    images = named(document, r'(?:src|srcset)="([^"]+)"')
    assert [name for name in images if not (document.parent / name).is_file()] == []


def test_a_file_that_is_not_there_would_be_seen(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("See `search/nowhere.py`, `search.nowhere.at_all` and [this](nowhere.md#top).\n")
    with pytest.raises(AssertionError, match="nowhere"):
        test_every_file_that_a_document_names_exists(document)
    with pytest.raises(AssertionError, match="nowhere"):
        test_every_module_that_a_document_names_exists(document)
    with pytest.raises(AssertionError, match="nowhere"):
        test_every_link_leads_to_a_file_and_a_heading(document)
