"""No cell of a CSV file is computed by a spreadsheet, however it hides that it begins as a formula."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from gallery.browse.csv_cells import CsvWriter, escape_formula
from tests.support.site import ROOT

UNSEEN = [
    "",
    " ",
    "\n",
    "\r",
    "\t",
    "\0",
    "\ufeff",
    "\u200b",
    "\u00a0",
    "\u2028",
    "\x1b",
    "\u3164",
    " \n\t\0\u2060",
]
SIGNS = ["=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫", "−", "⁼", "⁺", "₋"]


@pytest.mark.parametrize("sign", SIGNS)
def test_what_begins_as_a_formula_gets_an_apostrophe_in_front(sign: str) -> None:
    for before in UNSEEN:
        cell = f'{before}{sign}HYPERLINK("http://a")'
        assert escape_formula(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "text", ["", "cat", "a=b", "1-2", "'=1", "(+)", "é", "  a", "🌳", "\u200b", "名前", "#1", "5 %"]
)
def test_what_does_not_stays_as_it_is(text: str) -> None:
    assert escape_formula(text) == text


def test_what_begins_with_a_tab_or_an_end_of_line_is_kept_from_beginning_a_cell() -> None:
    for before in "\t\r\n":
        assert escape_formula(f"{before}a") == f"'{before}a"


@pytest.mark.parametrize("separator", [";", "\t", "|", ",", "\n", "\r"])
def test_no_formula_begins_behind_a_separator_in_a_text(separator: str) -> None:
    assert escape_formula(f"b{separator} ＝1{separator}c") == f"b{separator}' ＝1{separator}c"
    assert escape_formula(f"b{separator}c=1") == f"b{separator}c=1"
    out = io.StringIO(newline="")
    CsvWriter(out).row(["a", f"b{separator}=1+1{separator}c", 5])
    for split in ",;\t|":
        # quotes in the middle of a cell mean nothing where lines are split elsewhere
        lines = csv.reader(io.StringIO(out.getvalue(), newline=""), delimiter=split)
        assert not [cell for line in lines for cell in line if cell.startswith("=")]


def test_ordinary_rows_are_written_as_ever() -> None:
    out = io.StringIO(newline="")
    CsvWriter(out).row(["a", "b c", -1.5, 3, None, "=1"])
    assert out.getvalue() == "a,b c,-1.5,3,,'=1\r\n"


def test_every_csv_is_written_by_the_one_writer() -> None:
    writers = [
        str(file.relative_to(ROOT))
        for package in ("gallery", "search", "semsearch_site")
        for file in Path(ROOT / package).rglob("*.py")
        if re.search(r"csv\.(writer|DictWriter)", file.read_text())
    ]
    assert writers == ["gallery/browse/csv_cells.py"]
