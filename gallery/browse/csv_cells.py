"""Writes CSV of which a spreadsheet shows every cell and computes none (OWASP, "CSV injection")."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable
from typing import Protocol

# A cell that begins so is computed, in full-width and small forms too. U+2212 is the minus of mathematics.
STARTS = set("=+-@\N{MINUS SIGN}")
# not seen, and dropped by spreadsheets before they look at what follows: controls, U+200B, U+FEFF, blanks
UNSEEN = {"Cc", "Cf", "Zs", "Zl", "Zp"}
# Blanks to look at, but letters to Unicode: Hangul fillers and the blank of Braille.
FILLERS = set("\u115f\u1160\u2800\u3164\uffa0")
# Where a program that splits lines at another separator than ours begins a cell or a line: quotes in the
# middle of what it takes for a cell mean nothing to it.
_SEPARATORS = re.compile("([;,|\t\r\n])")


class Lines(Protocol):
    """Where lines are written to."""

    def write(self, line: str, /) -> object:
        """Take a line, its end included."""


class CsvWriter:
    """Writes rows whose texts are escaped."""

    def __init__(self, lines: Lines) -> None:
        self._writer = csv.writer(lines)

    def row(self, cells: Iterable[object]) -> object:
        """Write a row, and return what `write` did."""
        return self._writer.writerow(
            [escape_formula(cell) if isinstance(cell, str) else cell for cell in cells]
        )


def escape_formula(text: str) -> str:
    """Keep a spreadsheet from reading a text as a formula, by an apostrophe where one would begin.

    That is in front, whatever unseen follows before the sign, and behind every separator in the text.
    """
    first, *rest = _SEPARATORS.split(text)
    inner = "".join(f"'{piece}" if first.strip() and _computes(piece) else piece for piece in rest)
    whole = first + inner
    return f"'{whole}" if text.startswith(("\t", "\r", "\n")) or _computes(text) else whole


def _computes(text: str) -> bool:
    for char in text:
        if char not in FILLERS and unicodedata.category(char) not in UNSEEN:
            return unicodedata.normalize("NFKC", char)[:1] in STARTS
    return False
