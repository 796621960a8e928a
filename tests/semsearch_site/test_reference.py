"""The reference of the documents: made from the code, and as the code is now."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from django.core.management import call_command

from semsearch_site.docs import reference, settings_table
from tests.support.site import ROOT


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a folder with a copy of the reference."""
    shutil.copytree(ROOT / "docs/reference", tmp_path / "docs/reference")
    shutil.copy(ROOT / ".env.example", tmp_path)
    return tmp_path


def test_the_reference_says_what_the_code_says() -> None:
    assert reference.stale(ROOT) == [], "run manage.py write_reference"


def test_every_part_stands_in_one_document() -> None:
    documents = sorted((ROOT / reference.FOLDER).glob("*.md"))
    names = [found["name"] for path in documents for found in reference.MARKED.finditer(path.read_text())]
    assert sorted(names) == sorted(reference.PARTS)


def test_a_setting_that_is_new_or_changed_makes_its_document_stale(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reference, "ROOT", copied)
    example = copied / ".env.example"
    example.write_text(
        example.read_text() + "\n# --- new\n# NEWEST_S=7    # how new\n#              # it is\n"
    )
    assert reference.stale(copied) == ["docs/reference/settings.md"]
    call_command("write_reference", "--json")
    assert json.loads(capsys.readouterr().out) == {"changed": ["docs/reference/settings.md"]}
    assert "## New\n" in (copied / "docs/reference/settings.md").read_text()
    assert "| `NEWEST_S` | `7` | how new it is |" in (copied / "docs/reference/settings.md").read_text()
    assert reference.stale(copied) == []


def test_every_setting_of_the_example_is_in_the_reference_and_says_what_it_does() -> None:
    example = (ROOT / ".env.example").read_text()
    told = {one.name: one.words for _, settings in settings_table.settings_of(example) for one in settings}
    assert set(told) == set(re.findall(r"^# ([A-Z][A-Z0-9_]*)=", example, flags=re.M))
    assert [name for name, words in told.items() if not words] == []
