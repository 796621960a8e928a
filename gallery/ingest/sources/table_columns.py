"""What a table of labels says besides: its other columns, which become the metadata of an image."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable

MOST_COLUMNS = 50
LONGEST_NAME = 100
LONGEST_VALUE = 2_000

# as a filter reads what is typed, but for zeros in front: those belong to numbers of articles
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d+)?")


def as_json(columns: Iterable[tuple[str, object]]) -> str:
    """Return columns as an object of JSON, "" for none: as text they take little while an import runs.

    Only texts, numbers and truth values are kept, and of those nothing that is empty.
    """
    kept: dict[str, object] = {}
    for name, value in columns:
        key, told = clean(name)[:LONGEST_NAME], _kept(value)
        if key and told is not None:
            kept.setdefault(key, told)
        if len(kept) == MOST_COLUMNS:
            break
    return json.dumps(kept) if kept else ""


def number_or_text(cell: str) -> object:
    """Return the value of a cell that is nothing but text, as that of a CSV file."""
    text = cell.strip()
    if not _NUMBER.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)


def _kept(value: object) -> object:
    if isinstance(value, str):
        return clean(value)[:LONGEST_VALUE] or None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int) and abs(value) < 10**15 else None


def clean(text: str) -> str:
    """Return a text without what databases refuse: zeros, and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode().strip()
