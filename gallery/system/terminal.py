"""What may be written to a terminal or a log: texts of others cannot steer it."""

from __future__ import annotations

import unicodedata

# Controls (ESC, CR, LF, C1), halves of characters, and characters that end a line.
STEERING = {"Cc", "Cs", "Zl", "Zp"}
# Marks that turn the direction of writing, so that a name reads as another. Joiners, which look alike to
# Unicode's categories, belong to many scripts and stay.
TURNING = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def printable(text: str, *, keep: str = "\t") -> str:
    r"""Return a text with characters that steer a terminal as escapes: ESC becomes \x1b; `keep` stay."""
    if text.isprintable():
        return text
    return "".join(_escape(char) if char not in keep and _steers(char) else char for char in text)


def _steers(char: str) -> bool:
    return char in TURNING or unicodedata.category(char) in STEERING


def _escape(char: str) -> str:
    # beyond ASCII's controls the form that JSON knows too, in which no other can stand unescaped
    return char.encode("unicode_escape").decode("ascii") if char < " " else f"\\u{ord(char):04x}"
