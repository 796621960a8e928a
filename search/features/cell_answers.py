"""The shares of the cells of a map in a score, as plain values."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from search.extractors.cell_shares import Shares

DIGITS = 8  # a thousand cells, rounded, still add up to the score within 0.00001

Cells: TypeAlias = list[list[float]]
Square: TypeAlias = Annotated[
    tuple[float, float, float, float],
    "Where the cells lie over the upright image, as shares of its sides: x0, y0, x1, y1.",
]


def rows_of(shares: Shares) -> Cells:
    """Return shares (h, w) as rows of rounded numbers."""
    return [[round(share, DIGITS) for share in row] for row in shares.tolist()]
