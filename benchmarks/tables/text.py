"""What a table of figures is made of: cells of text, and numbers as they are shown in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Figures: TypeAlias = dict[str, Any]
Row: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table as text; the first cell of each row says what the others are."""

    head: Row
    rows: Sequence[Row]


def shown(value: float, digits: int = 0) -> str:
    """Return a number with commas between thousands and so many digits behind the point."""
    return f"{value:,.{digits}f}"


def between(ends: Sequence[float], digits: int = 2) -> str:
    """Return the least and the greatest of some rounds, as `1.00 to 1.46`."""
    return f"{shown(ends[0], digits)} to {shown(ends[1], digits)}"


def ends(values: Sequence[float]) -> tuple[float, float]:
    """Return the least and the greatest of some values."""
    return min(values), max(values)


def percent(share: float, digits: int = 1) -> str:
    """Return a share from 0 to 1 in percent."""
    return f"{shown(100 * share, digits)} %"
