"""The door to FAISS: one index of unit vectors, exact while small, compressed and re-ranked when large."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.errors import IndexDamagedError
from search.damage import DAMAGE
from search.index.base import (
    NO_ID,
    NO_SCORE,
    IndexInputError,
    IndexStats,
    SearchResult,
    UnitVectors,
    ascending,
    best,
    checked_ids,
    checked_rows,
    nothing_found,
)
from search.index.faiss.filters import (
    MORE_CANDIDATES,
    MOST_CANDIDATES,
    SCAN_UP_TO,
    FilterPlan,
    among,
    selector,
    settled,
)
from search.index.faiss.probing import AdaptiveProbe
from search.types import Ids, Vectors

EXACT = "Flat"  # the factory string of an exact index
EXACT_UP_TO = 50_000
# One bit a dimension needs many dimensions to tell vectors apart.
RABITQ_FROM_DIMS = 64
TRAINING_PER_LIST = 40  # FAISS asks for at least 39
TRAINING_AT_MOST = 196_608  # vectors: 400 MB of 512 dimensions
TRAINING_ROUNDS = 8  # of k-means; more of them moved recall by less than 0.001
# Hits wanted at a time re-rank at least so many candidates each; tuning is for ten hits.
CANDIDATES_PER_HIT = 4
MARGIN_LISTS = 1.5  # times the lists that do for as good a recall where every query visits as many
PRINCIPAL_FROM = 32_768  # vectors: principal components are learned from about so many
_SERVED = re.compile(r"Flat|((RR|PCAR)\d+,)?IVF\d+,\w+|HNSW\d+,\w+")


def is_served(factory: str) -> bool:
    """Whether indexes of a factory string are served."""
    return bool(_SERVED.fullmatch(factory))


def lists_for(count: int) -> int:
    """Return the number of inverted lists: the power of two nearest to 4 * sqrt(count) (FAISS guidelines)."""
    return int(2 ** round(math.log2(4 * math.sqrt(max(count, 1)))))


@dataclass(frozen=True)
class SearchEffort:
    """How hard a compressed index looks: lists visited, and candidates re-ranked exactly.

    With a `margin` a search without a filter visits the lists whose centres lie so nearly as near as the
    nearest one, few or many as it happens (`lists.py`). For a graph `lists` is the number of nodes kept in
    sight (efSearch).
    """

    lists: int = 16
    candidates: int = 200
    margin: float = 0.0

    @property
    def most_lists(self) -> int:
        """How many lists a margin may lead to."""
        return int(MARGIN_LISTS * self.lists)


class FaissIndex:
    """A VectorIndex on FAISS by inner product, safe for concurrent searches.

    Everything that varies between searches travels with the call; nothing is set on the shared FAISS object.
    `train`, `add` and `remove` are for building, before the index is shared. With `exact` (float16 vectors
    on disk, say) candidates are re-ranked exactly, and small filters are scanned exactly.
    """

    def __init__(
        self, dims: int, factory: str, *, exact: UnitVectors | None = None, effort: SearchEffort | None = None
    ) -> None:
        if dims < 1:
            raise IndexInputError("An index needs vectors of at least one dimension.")
        if not is_served(factory):
            raise IndexInputError(f"{factory!r} is not served: use Flat, or a factory string of IVF or HNSW.")
        if factory != EXACT and exact is None:
            raise IndexInputError("A compressed index needs the exact vectors.")
        self.factory = factory
        self.effort = effort or SearchEffort()
        self._exact = exact
        self._removed: Ids = np.empty(0, dtype=np.int64)
        wrapped = factory if "IVF" in factory else f"IDMap2,{factory}"
        self._adopt(_faiss().index_factory(dims, wrapped, _faiss().METRIC_INNER_PRODUCT))

    @classmethod
    def load(
        cls,
        path: Path,
        factory: str,
        *,
        exact: UnitVectors | None = None,
        effort: SearchEffort | None = None,
        mapped: bool = True,
    ) -> FaissIndex:
        """Map an index written by `save` into memory, which processes that map it share, or read it.

        Raises: IndexDamagedError when FAISS cannot read the file.
        """
        index = cls.__new__(cls)
        index.factory, index.effort, index._exact = factory, effort or SearchEffort(), exact
        index._removed = np.empty(0, dtype=np.int64)
        try:
            index._adopt(_faiss().read_index(str(path), _faiss().IO_FLAG_MMAP_IFC if mapped else 0))
        except DAMAGE as error:
            raise IndexDamagedError(f"{path.name} cannot be read; run rebuild_index.") from error
        if index.lists and index.effort.margin:
            index._near_lists()  # not in the first search
        return index

    def _adopt(self, index: Any) -> None:
        self._index = index
        self._ivf = _faiss().extract_index_ivf(index) if "IVF" in self.factory else None
        self.lists = int(self._ivf.nlist) if self._ivf is not None else 0
        self._near: AdaptiveProbe | None = None

    @property
    def exact(self) -> bool:
        """Whether it compares a query with every vector."""
        return self.factory == EXACT

    @property
    def dims(self) -> int:
        """Dimensions of a vector."""
        return int(self._index.d)

    @property
    def count(self) -> int:
        """Vectors held."""
        return int(self._index.ntotal)

    @property
    def training_size(self) -> int:
        """How many vectors `train` wants; zero when there is nothing to learn."""
        if "SQ" in self.factory and not self.lists:
            return TRAINING_AT_MOST // 16
        return min(self.lists * TRAINING_PER_LIST, max(TRAINING_AT_MOST, self.lists * 16))

    def train(self, vectors: Vectors, lists: Vectors | None = None) -> None:
        """Learn lists and codes from a sample (n, d) of unit vectors; `lists` (l, d) were learned before."""
        if not self.training_size:
            return
        rows = checked_rows(vectors, self.dims)
        if self._ivf is not None:
            self._ivf.cp.niter = TRAINING_ROUNDS
            self._ivf.cp.min_points_per_centroid = 1  # fewer is worse, and still right
            turned = self._learned_transform(rows)
            if lists is not None:
                self._ivf.quantizer.add(turned(checked_rows(lists, self.dims)))
        self._index.train(rows)

    def _learned_transform(self, rows: Vectors) -> Callable[[Vectors], Vectors]:
        """Learn what is done to vectors before they are put into lists, and return it.

        Principal components are those of the products, not of the variance: what is searched for is the
        greatest product, and a mean that was taken away would change their order.
        """
        transform = self._transform()
        if transform is None:
            return lambda vectors: vectors
        if self.factory.startswith("PCAR"):
            some = rows[:: -(-len(rows) // PRINCIPAL_FROM)]
            transform.train(np.vstack((some, -some)))  # their mean is zero
            transform.have_bias = False
            transform.PCAMat.resize(0)  # a megabyte that only learning needs
        else:
            transform.train(rows[:1])
        return lambda vectors: np.asarray(transform.apply(vectors), dtype=np.float32)

    def _transform(self) -> Any | None:
        """Return FAISS' object that turns vectors before they are put into lists, if there is one."""
        if not self.factory.startswith(("RR", "PCAR")):
            return None
        return _faiss().downcast_VectorTransform(self._index.chain.at(0))

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Add unit vectors (n, d) under their ids (n,).

        Raises: IndexInputError for wrong shapes, or for ids that the exact vectors do not know.
        """
        rows = checked_rows(vectors, self.dims)
        keys = checked_ids(ids, len(rows))
        if self._exact is not None and not self._exact.known(keys).all():
            raise IndexInputError("Store the exact vectors before adding them to a re-ranked index.")
        if len(keys):
            self._index.add_with_ids(rows, keys)
            if len(self._removed):
                self._removed = np.setdiff1d(self._removed, keys)

    def merge(self, other: FaissIndex) -> None:
        """Take over all vectors of an index of lists that was learned alike, which is empty then."""
        self._index.merge_from(other._index, 0)

    def remove(self, ids: Ids) -> int:
        """Remove ids and return how many were there."""
        keys = checked_ids(ids)
        if not len(keys):
            return 0
        removed = int(self._index.remove_ids(_faiss().IDSelectorBatch(keys)))
        self._removed = np.union1d(self._removed, keys)
        return removed

    def search(
        self, vectors: Vectors, k: int, allowed_ids: Ids | None = None, *, effort: SearchEffort | None = None
    ) -> SearchResult:
        """Return the k nearest of each unit query (m, d), only from `allowed_ids` (n,) when given.

        A filter loses no hit: few allowed vectors are scanned exactly, and the fewer are allowed the more
        lists are visited, all of them before a row is left short (`filters.py`).
        """
        queries = checked_rows(vectors, self.dims)
        allowed = None if allowed_ids is None else ascending(allowed_ids)
        reachable = self.count if allowed is None else min(self.count, len(allowed))
        if not len(queries) or k < 1 or not reachable:
            return nothing_found(len(queries), max(k, 0))
        if self.exact:
            return self._exact_search(queries, k, allowed)
        effort = effort or self.effort
        if allowed is None:
            return self._reranked(queries, k, self._candidates(queries, self._reach(k, effort), effort))
        if self._exact is not None and len(allowed) <= SCAN_UP_TO:
            kept = allowed[self._exact.known(allowed)]
            return self._exact.nearest(queries, np.setdiff1d(kept, self._removed, assume_unique=True), k)
        return self._filtered_search(queries, k, allowed, effort)

    def _exact_search(self, queries: Vectors, k: int, allowed: Ids | None) -> SearchResult:
        wanted = min(k, self.count)
        options = _faiss().SearchParameters(sel=selector(allowed)) if allowed is not None else None
        scores, ids = self._index.search(queries, wanted, params=options)
        return best(ids, scores, k)

    def _filtered_search(self, queries: Vectors, k: int, allowed: Ids, effort: SearchEffort) -> SearchResult:
        """Look at the surroundings of each query without the filter, then with it where too few are allowed.

        An example, with 40 candidates in 20 lists tuned for a million vectors. 600,000 are allowed: 40 / 0.6
        = 67 are proposed from 34 lists, and a query of which at least 30 are allowed is done. 100,000 are
        allowed, too few to propose ten times as many: 40 are proposed, and where 4 of them are allowed, a
        tenth as everywhere, the query is searched again with a selector in 20 * 4 / 0.1 = 800 lists.
        """
        plan = FilterPlan.of(len(allowed), self.count)
        lists, candidates = self._reach(k, effort)
        # what a wide filter forbids is as soon dropped from the candidates as looked up at every vector
        around = self._propose(
            queries,
            min(self.most_lists, math.ceil(lists * plan.overfetch)),
            math.ceil(candidates * plan.overfetch),
            None,
        )
        kept = among(around, allowed)
        wanted = min(k, len(allowed), self.count)
        enough = (kept != NO_ID).sum(axis=1) >= max(wanted, plan.least_kept(candidates))
        found = nothing_found(len(queries), k)
        if enough.any():
            _put(found, enough, self._reranked(queries[enough], k, kept[enough]))
        if not enough.all():
            lists = min(self.most_lists, math.ceil(lists * plan.more_lists(around, kept)))
            _put(found, ~enough, self._selected(queries[~enough], k, allowed, (lists, candidates)))
        return found

    def _selected(self, queries: Vectors, k: int, allowed: Ids, reach: tuple[int, int]) -> SearchResult:
        """Search with a selector, for more candidates until the hits are not among the last of them.

        From a `reach` of 40 candidates it proposes 160 allowed ones. The 10 best of these by exact score
        stand among the first 48 by compressed score: done. One stands at place 120: others as good may have
        been left out, so 640 are proposed, then 2,560. Where hits stay among the last, codes cannot tell what
        is allowed apart, and all of it is scanned.
        """
        chosen, wanted = selector(allowed), min(k, len(allowed), self.count)
        lists, candidates = reach
        candidates = min(self.count, candidates * MORE_CANDIDATES)
        found, open_rows = nothing_found(len(queries), k), np.arange(len(queries))
        while len(open_rows):
            asked = queries[open_rows]
            ids = self._propose(asked, lists, candidates, chosen)
            short = ids[:, wanted - 1] == NO_ID
            if short.any() and lists < self.most_lists:
                ids[short] = self._propose(asked[short], self.most_lists, candidates, chosen)
            scores = self._rescored(asked, ids)
            hits = best(ids, scores, k)
            found.ids[open_rows], found.scores[open_rows] = hits.ids, hits.scores
            open_rows = open_rows[~settled(ids, scores, hits)]
            if candidates >= min(self.count, MOST_CANDIDATES):
                break
            candidates = min(self.count, candidates * MORE_CANDIDATES)
        if len(open_rows):
            assert self._exact is not None
            kept = allowed[self._exact.known(allowed)]
            kept = np.setdiff1d(kept, self._removed, assume_unique=True) if len(self._removed) else kept
            hits = self._exact.nearest(queries[open_rows], kept, k)
            found.ids[open_rows], found.scores[open_rows] = hits.ids, hits.scores
        return found

    @property
    def most_lists(self) -> int:
        """The effort that visits everything."""
        return self.lists or self.count

    def _reach(self, k: int, effort: SearchEffort) -> tuple[int, int]:
        """Return how many lists to visit and how many candidates to propose for k hits."""
        candidates = min(self.count, max(effort.candidates, CANDIDATES_PER_HIT * k))
        if candidates >= self.count:
            return self.most_lists, candidates
        # a deep page needs the lists that hold its candidates, four times over
        needed = 4 * candidates * self.lists / self.count if self.lists else candidates
        return min(self.most_lists, math.ceil(max(effort.lists, needed))), candidates

    def _candidates(
        self, queries: Vectors, reach: tuple[int, int], effort: SearchEffort
    ) -> NDArray[np.int64]:
        """Return the candidates (m, c) of a search without a filter."""
        lists, candidates = reach
        if not (effort.margin and self.lists):
            return self._propose(queries, lists, candidates, None)
        near = self._near_lists()
        # what a deep page needs is visited whatever its score
        least = 1 if lists == effort.lists else lists
        bounds = min(self.lists, least), min(self.lists, max(least, effort.most_lists))
        return near.propose(queries, candidates, effort.margin, bounds)

    def _near_lists(self) -> AdaptiveProbe:
        if self._near is None:
            self._near = AdaptiveProbe(self._ivf, self._transform())
        return self._near

    def _propose(self, queries: Vectors, lists: int, candidates: int, chosen: Any) -> NDArray[np.int64]:
        faiss = _faiss()
        if self._ivf is None:
            options = faiss.SearchParametersHNSW(efSearch=max(lists, candidates), sel=chosen)
        else:
            options = faiss.SearchParametersIVF(nprobe=lists, sel=chosen)
            if self._transform() is not None:
                options = faiss.SearchParametersPreTransform(index_params=options)
        _, ids = self._index.search(queries, candidates, params=options)
        return np.asarray(ids)

    def _reranked(self, queries: Vectors, k: int, ids: NDArray[np.int64]) -> SearchResult:
        """Return the best k of each query's own candidates (m, c)."""
        return best(ids, self._rescored(queries, ids), k)

    def _rescored(self, queries: Vectors, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the exact inner products (m, c) of each query with its own candidates."""
        assert self._exact is not None
        scores = np.full(ids.shape, NO_SCORE, dtype=np.float32)
        for row in range(len(queries)):
            found = ids[row] != NO_ID
            scores[row, found] = self._exact.scores(queries[row : row + 1], ids[row, found])[0]
        return scores

    def proposals(
        self, queries: Vectors, effort: SearchEffort
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return candidates (m, c) in the order of their compressed scores, and their exact scores."""
        reach = effort.lists, min(effort.candidates, self.count)
        ids = self._candidates(queries, reach, effort)
        return ids, self._rescored(queries, ids)

    def stats(self) -> IndexStats:
        """Return size and kind."""
        return IndexStats(self.count, self.dims, self.factory, "inner_product", self._bytes_per_vector())

    def _bytes_per_vector(self) -> float:
        if self._ivf is not None:
            return float(self._ivf.code_size + 8 + self.lists * self._ivf.d * 4 / max(self.count, 1))
        if self.exact:
            return 4 * self.dims + 8
        graph = _faiss().downcast_index(self._index.index)
        links = int(graph.hnsw.nb_neighbors(0)) * 4 * 1.1  # a tenth lies in the levels above
        return float(graph.storage.sa_code_size()) + links + 8

    def save(self, path: Path) -> None:
        """Write the index to a file."""
        _faiss().write_index(self._index, str(path))


def _put(found: SearchResult, rows: NDArray[np.bool_], part: SearchResult) -> None:
    found.ids[rows], found.scores[rows] = part.ids, part.scores


def _faiss() -> Any:
    """Return FAISS, loaded on first use; untyped: its stubs lack the keywords its Python layer adds."""
    import faiss

    return faiss
