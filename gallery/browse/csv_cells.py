"""Writes CSV of which a spreadsheet shows every cell and computes none (OWASP, "CSV injection")."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable
from typing import Protocol

# A cell that begins so is computed, in full-width and small forms too. U+2212 is the minus of mathematics.
STARTS = set("=+-@\N{MINUS SIGN}")
# not seen, and dropped by spreadsheets before they look at what follows: controls, U+200B, U+FEFF, blanks
UNSEEN = {"Cc", "Cf", "Zs", "Zl", "Zp"}
# Blanks to look at, but letters to Unicode: Hangul fillers and the blank of Braille.
FILLERS = set("\u115f\u1160\u2800\u3164\uffa0")
# what other programs, or other countries, split a line at
OTHER_SEPARATORS = ";\t|"


class Lines(Protocol):
    """Where lines are written to."""

    def write(self, line: str, /) -> object:
        """Take a line, its end included."""


class CsvWriter:
    """Writes rows; texts that would be computed get an apostrophe in front.

    A row in which another separator stands is quoted altogether: what follows it would else begin a cell
    where lines are split there.
    """

    def __init__(self, lines: Lines) -> None:
        self._plain = csv.writer(lines)
        self._quoted = csv.writer(lines, quoting=csv.QUOTE_ALL)

    def row(self, cells: Iterable[object]) -> object:
        """Write a row, and return what `write` did."""
        safe = [escape_formula(cell) if isinstance(cell, str) else cell for cell in cells]
        apart = any(isinstance(cell, str) and set(OTHER_SEPARATORS) & set(cell) for cell in safe)
        return (self._quoted if apart else self._plain).writerow(safe)


def escape_formula(text: str) -> str:
    """Keep a spreadsheet from reading a text as a formula, whatever unseen stands before it.

    Tabs and ends of lines at the beginning are kept from it as well: some begin a new cell behind them.
    """
    return f"'{text}" if text.startswith(("\t", "\r", "\n")) or _computes(text) else text


def _computes(text: str) -> bool:
    for char in text:
        if char not in FILLERS and unicodedata.category(char) not in UNSEEN:
            return unicodedata.normalize("NFKC", char)[:1] in STARTS
    return False
