"""Which inverted lists a query visits: all whose centres lie nearly as near to it as the nearest one.

A query amid a cluster finds what it looks for in a few lists, one between clusters needs many. How far its
neighbours may lie from the nearest centre grows with how far it does itself: with the sine of the angle
between them. On a million tiles of pictures half of the queries then visit a third of the lists for the
same recall (docs/speed.md).
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.types import Vectors

NO_LIST = -1
QUERY_BITS = 4  # a dimension of a query that is compared with RaBitQ's bits


class ListSearch:
    """Searches the inverted lists of a FAISS index (its object, trained) near each query."""

    def __init__(self, index: Any, rotation: Any | None) -> None:
        self._ivf, self._rotation = _faiss().downcast_index(index), rotation

    @cached_property
    def _centres(self) -> Vectors:
        """The centres of the lists (l, d), rotated; a copy, since those of a mapped file are not aligned."""
        return np.array(self._ivf.quantizer.reconstruct_n(0, self._ivf.nlist), dtype=np.float32)

    def propose(
        self, queries: Vectors, candidates: int, margin: float, bounds: tuple[int, int]
    ) -> NDArray[np.int64]:
        """Return the candidates' ids (m, candidates) of unit queries (m, d), padded with -1.

        Visited are the lists whose centre's score is within `margin` times the sine of the best one, at least
        and at most so many as `bounds` says.
        """
        rotated = self._rotation.apply(queries) if self._rotation is not None else queries
        lists, scores = self._near(rotated, margin, bounds)
        ids = np.empty((len(queries), candidates), dtype=np.int64)
        found = np.empty(ids.shape, dtype=np.float32)
        faiss = _faiss()
        pointers = [faiss.swig_ptr(array) for array in (lists, scores, found, ids)]
        self._ivf.search_preassigned_c(
            len(rotated), faiss.swig_ptr(rotated), candidates, *pointers, False, self._options(lists.shape[1])
        )
        return ids

    def _near(
        self, rotated: Vectors, margin: float, bounds: tuple[int, int]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the lists of each query and their scores, nearest first, padded with -1."""
        scores = rotated @ self._centres.T
        chosen = [within(row, margin, bounds) for row in scores]
        width = max(map(len, chosen))
        lists = np.full((len(scores), width), NO_LIST, dtype=np.int64)
        near = np.zeros((len(scores), width), dtype=np.float32)
        for row, found in enumerate(chosen):
            lists[row, : len(found)] = found
            near[row, : len(found)] = scores[row, found]
        return lists, near

    def _options(self, lists: int) -> Any:
        faiss = _faiss()
        if isinstance(self._ivf, faiss.IndexIVFRaBitQ):
            return faiss.IVFRaBitQSearchParameters(nprobe=lists, qb=QUERY_BITS, centered=True)
        return faiss.SearchParametersIVF(nprobe=lists)


def within(scores: NDArray[np.float32], margin: float, bounds: tuple[int, int]) -> NDArray[np.intp]:
    """Return the places of those of the scores (l,) that come near enough to the best, best first."""
    least, most = bounds
    best = float(scores.max())
    places = np.flatnonzero(scores >= best - margin * math.sqrt(max(0.0, 1 - best * best)))
    if len(places) < least:
        places = np.argpartition(scores, -least)[-least:]
    return places[np.argsort(-scores[places], kind="stable")][:most]


def _faiss() -> Any:
    """Return FAISS, loaded on first use; untyped: its stubs lack what its Python layer adds."""
    import faiss

    return faiss
