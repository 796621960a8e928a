"""How a filtered search of a compressed index is done: which of three ways costs least and loses no hit.

Few allowed vectors are scanned exactly; the time is that of reading them. Many are looked up by a selector at
every vector of the lists that are visited, and the fewer are allowed the more lists that must be. Where most
are allowed, more candidates are proposed and the forbidden ones dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.index.base import NO_ID, contained
from search.types import Ids

# Reading and scoring so many vectors of 512 dimensions takes about as long as asking every list.
SCAN_UP_TO = 12_288
# What a filter allows may lie far from the query, where lists and compressed scores tell less.
MORE_LISTS = 4
MORE_CANDIDATES = 4
OVERFETCH_FROM = 0.5  # of all vectors allowed


@dataclass(frozen=True)
class FilterPlan:
    """By how much a filtered search visits more lists and proposes more candidates than another.

    `overfetch` is by how much more are proposed when the forbidden ones are dropped afterwards, 0 for a
    selector.
    """

    lists: float
    candidates: int
    overfetch: float


def filter_plan(allowed: int, count: int) -> FilterPlan:
    """Return how to search when so many of `count` vectors are allowed."""
    share = min(1.0, allowed / count)
    if share >= OVERFETCH_FROM:
        return FilterPlan(lists=1 / share, candidates=1, overfetch=1 / share)
    return FilterPlan(lists=MORE_LISTS / share, candidates=MORE_CANDIDATES, overfetch=0.0)


def among(ids: NDArray[np.int64], allowed: Ids) -> NDArray[np.int64]:
    """Return ids (m, c) with -1 in place of those that are not among the allowed (n,), ascending."""
    return np.where(contained(ids, allowed), ids, NO_ID)


def selector(allowed: Ids) -> Any:
    """Return FAISS' selector of the allowed ids (n,), ascending."""
    import faiss as untyped

    faiss: Any = untyped  # its stubs lack what its Python layer adds
    highest = int(allowed[-1])
    # A bitmap answers fastest, while its highest id keeps it small.
    if highest > 8_000_000 + 64 * len(allowed):
        return faiss.IDSelectorBatch(allowed)
    chosen = np.zeros(highest + 1, dtype=np.bool_)
    chosen[allowed] = True
    return faiss.IDSelectorBitmap(np.packbits(chosen, bitorder="little"))
