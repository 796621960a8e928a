"""Which inverted lists a query visits: all whose centres lie nearly as near to it as the nearest one.

A query amid a cluster finds what it looks for in a few lists, one between clusters needs many. How far its
neighbours may lie from the nearest centre grows with how far it does itself: with the sine of the angle
between them. On a million tiles of pictures half of the queries then visit a third of the lists for the
same recall (docs/explanation/speed.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.types import Vectors

NO_LIST = -1
QUERY_BITS = 4  # a dimension of a query that is compared with RaBitQ's bits
# Centres of so many numbers and more are searched by a graph of them: comparing 4,096 of 512 dimensions took
# a fourth of a search. Of half as many it saves little, and nothing where many lists are visited.
GRAPH_FROM = 2_048 * 1_024
GRAPH_LINKS, GRAPH_EFFORT = 16, 80
# lists that the graph is asked for; where more are within the margin, every centre is compared
GRAPH_LISTS = 64


class AdaptiveProbe:
    """Searches the inverted lists of a FAISS index (its object, trained) near each query."""

    def __init__(self, index: Any, transform: Any | None) -> None:
        self._ivf, self._transform = _faiss().downcast_index(index), transform
        self._graph = _graph_of(self._ivf) if self._ivf.nlist * self._ivf.d >= GRAPH_FROM else None

    def propose(
        self, queries: Vectors, candidates: int, margin: float, bounds: tuple[int, int]
    ) -> NDArray[np.int64]:
        """Return the candidates' ids (m, candidates) of unit queries (m, d), padded with -1.

        Visited are the lists whose centre's score is within `margin` times the sine of the best one, at least
        and at most so many as `bounds` says.
        """
        turned = self._transform.apply(queries) if self._transform is not None else queries
        lists, scores = self._near(turned, margin, bounds)
        ids = np.empty((len(queries), candidates), dtype=np.int64)
        found = np.empty(ids.shape, dtype=np.float32)
        faiss = _faiss()
        pointers = [faiss.swig_ptr(array) for array in (lists, scores, found, ids)]
        self._ivf.search_preassigned_c(
            len(turned), faiss.swig_ptr(turned), candidates, *pointers, False, self._options(lists.shape[1])
        )
        return ids

    def _near(
        self, turned: Vectors, margin: float, bounds: tuple[int, int]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the lists of each query and their scores (m, n), nearest first, padded with -1."""
        least, most = bounds
        if self._graph is not None and least < GRAPH_LISTS < most:
            options = _faiss().SearchParametersHNSW(efSearch=GRAPH_LISTS)
            scores, lists = self._graph.search(turned, GRAPH_LISTS, params=options)
            kept = within(scores, margin, least)
            if not kept[:, -1].any():
                return _cut(lists, scores, kept)
        scores, lists = self._ivf.quantizer.search(turned, most)
        return _cut(lists, scores, within(scores, margin, least))

    def _options(self, lists: int) -> Any:
        faiss = _faiss()
        if isinstance(self._ivf, faiss.IndexIVFRaBitQ):
            return faiss.IVFRaBitQSearchParameters(nprobe=lists, qb=QUERY_BITS, centered=True)
        return faiss.SearchParametersIVF(nprobe=lists)


def within(scores: NDArray[np.float32], margin: float, least: int) -> NDArray[np.bool_]:
    """Return which of the scores (m, n), best first, come near enough to the best, at least so many.

    Scores are cosines with centres of lists. With a margin of 0.4, a query that scores 0.9 with its nearest
    centre has a sine of 0.44 and visits lists down to 0.9 - 0.4 * 0.44 = 0.73: of 0.9, 0.85, 0.7, 0.5 the
    first two. One that scores 0.6 lies between centres, its sine is 0.8, and it goes down to 0.28: of 0.6,
    0.5, 0.4, 0.3 it visits all.
    """
    best = scores[:, :1]
    kept: NDArray[np.bool_] = scores >= best - margin * np.sqrt(np.maximum(0, 1 - best * best))
    kept[:, :least] = True
    return kept


def _cut(
    lists: NDArray[np.int64], scores: NDArray[np.float32], kept: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    # every query's row is as wide as that of the one that visits most; NO_LIST fills up the others
    width = int(kept.sum(axis=1).max())
    return np.where(kept, lists, NO_LIST)[:, :width].copy(), scores[:, :width].copy()


def _graph_of(ivf: Any) -> Any:
    """Return a graph of the centres of lists, of a byte a dimension: a thousandth of what the lists hold."""
    faiss = _faiss()
    graph = faiss.IndexHNSWSQ(ivf.d, faiss.ScalarQuantizer.QT_8bit, GRAPH_LINKS, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = GRAPH_EFFORT
    # as they lie in the index: a copy would leave its size in the process's memory
    numbers = faiss.rev_swig_ptr(faiss.downcast_index(ivf.quantizer).get_xb(), ivf.nlist * ivf.d)
    centres = numbers.reshape(ivf.nlist, ivf.d)
    graph.train(centres)
    graph.add(centres)
    return graph


def _faiss() -> Any:
    """Return FAISS, loaded on first use; untyped: its stubs lack what its Python layer adds."""
    import faiss

    return faiss
