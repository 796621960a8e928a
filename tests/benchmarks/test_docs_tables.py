"""The tables of the documents say what the committed results say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from benchmarks import docs_tables
from benchmarks.docs_tables import MARKED, RESULTS, ROOT, TABLES, UnknownTableError, stale, write

PAGE = "# Speed\n\n<!-- figures: extraction -->\n<!-- /figures -->\n\nWords stay.\n"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a folder with the results and one document whose table is empty."""
    shutil.copytree(ROOT / RESULTS, tmp_path / RESULTS)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "speed.md").write_text(PAGE)
    return tmp_path


def test_every_table_in_the_documents_says_what_the_results_say() -> None:
    assert stale(ROOT) == [], "run manage.py benchmark --write-docs"


def test_every_table_that_is_made_stands_in_one_document() -> None:
    names = [
        marked["name"] for path in docs_tables.documents(ROOT) for marked in MARKED.finditer(path.read_text())
    ]
    assert sorted(names) == sorted(TABLES)


def test_a_table_is_filled_once_and_the_words_around_it_stay(copied: Path) -> None:
    page = copied / "docs" / "speed.md"
    assert stale(copied) == ["docs/speed.md: extraction"]
    assert write(copied) == [page]
    filled = page.read_text()
    assert "| semsearch, import included |" in filled
    assert filled.endswith("<!-- /figures -->\n\nWords stay.\n")
    assert stale(copied) == []
    assert write(copied) == []


def test_a_figure_that_changed_is_named_as_stale(copied: Path) -> None:
    write(copied)
    result = copied / RESULTS / "extract.json"
    figures = json.loads(result.read_text())
    result.write_text(json.dumps(figures | {"images_per_s": 12345.6}))
    assert stale(copied) == ["docs/speed.md: extraction"]
    write(copied)
    assert "12,345.6" in (copied / "docs" / "speed.md").read_text()


def test_a_table_that_nobody_makes_is_refused(copied: Path) -> None:
    (copied / "docs" / "speed.md").write_text(PAGE.replace("extraction", "guesses"))
    with pytest.raises(UnknownTableError, match="guesses"):
        write(copied)


def test_the_command_writes_the_tables_and_says_which_documents_changed(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(docs_tables, "ROOT", copied)
    call_command("benchmark", "--write-docs", "--json")
    assert json.loads(capsys.readouterr().out) == {"changed": ["docs/speed.md"]}
    call_command("benchmark", "--write-docs")
    assert "say what the results say" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["query", "--write-docs"]])
def test_the_command_needs_a_benchmark_or_the_option(words: list[str]) -> None:
    with pytest.raises(CommandError, match="write-docs"):
        call_command("benchmark", *words)
