"""Puts searches together into as few requests as the API takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MOST_TOGETHER = 50
LARGEST_BODY = 1_500_000  # bytes of JSON; servers read 2 MiB of it


def batches(queries: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Yield queries in their order, as many together as one request takes."""
    together: list[Mapping[str, Any]] = []
    size = 0
    for query in queries:
        own = len(json.dumps(query)) + 1
        if together and (len(together) == MOST_TOGETHER or size + own > LARGEST_BODY):
            yield together
            together, size = [], 0
        together.append(query)
        size += own
    if together:
        yield together
