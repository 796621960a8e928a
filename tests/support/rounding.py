"""Numbers as pages round them."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal


def rounded(value: float, digits: int = 1) -> str:
    """Return a number as a browser writes it: of the digits that are shown of it, and a half away from zero.

    Python rounds what is stored: 44.55 lies below a half there, and is 44.5.
    """
    return str(Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))
