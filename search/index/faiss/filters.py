"""How a filtered search of a compressed index is done: which of three ways costs least and loses no hit.

Few allowed vectors are scanned exactly; the time is that of reading them. Otherwise the surroundings of the
query are looked at without the filter: where enough of them are allowed, that was the search. Where not, a
selector is asked at every vector of the lists that are visited: the fewer are allowed, or the fewer of the
surroundings are, the more lists. Where codes cannot tell the allowed apart, all of them are scanned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.index.base import NO_ID, SearchResult, contained
from search.types import Ids

# Reading and scoring so many vectors of 512 dimensions takes about as long as asking every list.
SCAN_UP_TO = 12_288
# What a filter allows may lie far from the query, where lists and compressed scores tell less: visit so many
# more lists than its share asks for, and propose so many times more candidates, again and again ...
MORE_LISTS = 4
MORE_CANDIDATES = 4
# ... until the hits are among the first of them. After so many, whatever is allowed is scanned.
SETTLED = 0.3
MOST_CANDIDATES = 1_024
OVERFETCH_AT_MOST = 2.0  # times the candidates of a search without a filter


@dataclass(frozen=True)
class FilterPlan:
    """How to search when a share of all vectors is allowed; `overfetch` is by how much more to propose."""

    share: float
    overfetch: float

    @classmethod
    def of(cls, allowed: int, count: int) -> FilterPlan:
        """Return the plan for so many allowed of `count` vectors."""
        share = min(1.0, allowed / count)
        return cls(share, 1 / share if share * OVERFETCH_AT_MOST >= 1 else 1.0)

    def least_kept(self, candidates: int) -> float:
        """Return how many of the proposed must be allowed to do without a selector."""
        return 0.75 * candidates

    def more_lists(self, proposed: NDArray[np.int64], kept: NDArray[np.int64]) -> float:
        """Return by how much more lists to visit, by the share of the surroundings that is allowed."""
        there = (proposed != NO_ID).sum(axis=1)
        nearby = float(((kept != NO_ID).sum(axis=1) / np.maximum(there, 1)).min())
        return MORE_LISTS / max(min(self.share, nearby), 1e-6)


def settled(ids: NDArray[np.int64], scores: NDArray[np.float32], hits: SearchResult) -> NDArray[np.bool_]:
    """Return (m,) bool: whether all hits are among the first of the candidates (m, c), as they were proposed.

    Where hits stand at the end of what compressed scores put first, there are more behind it.
    """
    last = np.where(hits.ids != NO_ID, hits.scores, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    deepest = np.where(scores >= last, np.arange(ids.shape[1]), -1).max(axis=1, initial=-1)
    lacking = (ids == NO_ID).any(axis=1)  # everything that is allowed was looked at
    return np.asarray((deepest < SETTLED * ids.shape[1]) | lacking)


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
