"""The door to FAISS: one index of unit vectors, exact while small, compressed and re-ranked when large."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.errors import IndexDamagedError
from search.index.base import (
    NO_ID,
    NO_SCORE,
    IndexInputError,
    IndexStats,
    SearchResult,
    UnitVectors,
    ascending,
    best,
    brute_force,
    checked_ids,
    checked_rows,
    nothing_found,
)
from search.types import Ids, Vectors

EXACT_UP_TO = 50_000
# A filter that allows no more is scanned exactly: reading and scoring so many of 512 dimensions takes 10 ms.
SCAN_UP_TO = 4_096
# Measured on filters that leave out the query's surroundings: recall@50 0.86 without, 0.99 with.
FILTER_CANDIDATES = 5
# One bit a dimension needs many dimensions to tell vectors apart.
RABITQ_FROM_DIMS = 64
TRAINING_PER_LIST = 48  # FAISS asks for at least 39


def lists_for(count: int) -> int:
    """Return the number of inverted lists: the power of two nearest to 4 * sqrt(count) (FAISS guidelines)."""
    return int(2 ** round(math.log2(4 * math.sqrt(max(count, 1)))))


def factory_for(count: int, dims: int) -> str:
    """Return the FAISS factory string that suits `count` vectors of `dims` dimensions.

    Source: RaBitQ, Gao and Long 2024 (arXiv:2405.12497); the choice rests on this project's measurements.
    """
    if count <= EXACT_UP_TO:
        return "Flat"
    return f"IVF{lists_for(count)},{'RaBitQ' if dims >= RABITQ_FROM_DIMS else 'SQ8'}"


@dataclass(frozen=True)
class SearchEffort:
    """How hard a compressed index looks: lists visited, and candidates re-ranked exactly."""

    lists: int = 16
    candidates: int = 200


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
        if factory != "Flat" and not factory.startswith("IVF"):
            raise IndexInputError(f"{factory!r} is not served: use Flat or an IVF factory string.")
        self.factory = factory
        self.effort = effort or SearchEffort()
        self._exact = exact
        self._removed: Ids = np.empty(0, dtype=np.int64)
        wrapped = f"IDMap2,{factory}" if factory == "Flat" else factory
        self._adopt(_faiss().index_factory(dims, wrapped, _faiss().METRIC_INNER_PRODUCT))

    @classmethod
    def load(
        cls, path: Path, factory: str, *, exact: UnitVectors | None = None, effort: SearchEffort | None = None
    ) -> FaissIndex:
        """Read an index written by `save`.

        Raises: IndexDamagedError when FAISS cannot read the file.
        """
        index = cls.__new__(cls)
        index.factory, index.effort, index._exact = factory, effort or SearchEffort(), exact
        index._removed = np.empty(0, dtype=np.int64)
        try:
            index._adopt(_faiss().read_index(str(path)))
        except RuntimeError as error:
            raise IndexDamagedError(f"{path.name} cannot be read; run rebuild_index.") from error
        return index

    def _adopt(self, index: Any) -> None:
        self._index = index
        self.lists = 0 if self.factory == "Flat" else int(index.nlist)

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
        return self.lists * TRAINING_PER_LIST

    def train(self, vectors: Vectors) -> None:
        """Learn lists and codes from a sample (n, d) of unit vectors."""
        if self.lists:
            self._index.cp.niter = 10  # more rounds of k-means moved recall by less than 0.001
            self._index.train(checked_rows(vectors, self.dims))

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
            self._removed = np.setdiff1d(self._removed, keys)

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

        A filter loses no hit: few allowed vectors are scanned exactly, otherwise more lists are
        visited the fewer vectors are allowed, and all of them before a row is left short.
        """
        queries = checked_rows(vectors, self.dims)
        allowed = None if allowed_ids is None else ascending(allowed_ids)
        reachable = self.count if allowed is None else min(self.count, len(allowed))
        if not len(queries) or k < 1 or not reachable:
            return nothing_found(len(queries), max(k, 0))
        if not self.lists:
            return self._exact_search(queries, k, allowed)
        if allowed is not None and self._exact is not None:
            allowed = np.setdiff1d(allowed[self._exact.known(allowed)], self._removed, assume_unique=True)
            if len(allowed) <= SCAN_UP_TO:
                return brute_force(queries, allowed, self._exact.units(allowed), k)
            reachable = len(allowed)
        return self._compressed_search(queries, k, allowed, reachable, effort or self.effort)

    def _exact_search(self, queries: Vectors, k: int, allowed: Ids | None) -> SearchResult:
        wanted = min(k, self.count)
        options = _faiss().SearchParameters(sel=_selector(allowed)) if allowed is not None else None
        scores, ids = self._index.search(queries, wanted, params=options)
        return best(ids, scores, k)

    def _compressed_search(
        self, queries: Vectors, k: int, allowed: Ids | None, reachable: int, effort: SearchEffort
    ) -> SearchResult:
        # What a filter allows may lie far from the query, where compressed scores blur: re-rank more of it.
        wider = 1 if allowed is None else FILTER_CANDIDATES
        candidates = min(reachable, max(effort.candidates, 5 * k) * wider)
        # A filter thins every list, and a deep page needs more of them: visit as many as hold the candidates.
        lists = max(effort.lists * self.count / reachable, 4 * candidates * self.lists / reachable)
        visited = min(self.lists, math.ceil(lists)) if reachable > candidates else self.lists
        ids, scores = self._propose(queries, candidates, visited, allowed)
        short = (ids[:, min(k, reachable) - 1]) == NO_ID
        if short.any() and visited < self.lists:
            ids[short], scores[short] = self._propose(queries[short], candidates, self.lists, allowed)
        if self._exact is not None:
            scores = _rescored(queries, ids, self._exact)
        return best(ids, scores, k)

    def _propose(
        self, queries: Vectors, candidates: int, lists: int, allowed: Ids | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        selector = None if allowed is None else _selector(allowed)
        options = _faiss().SearchParametersIVF(nprobe=lists, sel=selector)
        scores, ids = self._index.search(queries, candidates, params=options)
        return ids, scores

    def stats(self) -> IndexStats:
        """Return size and kind."""
        per_vector = 4 * self.dims + 8 if not self.lists else self._index.code_size + 8
        centroids = self.lists * self.dims * 4 / max(self.count, 1)
        return IndexStats(self.count, self.dims, self.factory, "inner_product", per_vector + centroids)

    def save(self, path: Path) -> None:
        """Write the index to a file."""
        _faiss().write_index(self._index, str(path))


def _faiss() -> Any:
    """Return FAISS, loaded on first use; untyped: its stubs lack the keywords its Python layer adds."""
    import faiss

    return faiss


def _selector(allowed: Ids) -> Any:
    highest = int(allowed[-1])
    # A bitmap answers fastest, while its highest id keeps it small.
    if highest > 8_000_000 + 64 * len(allowed):
        return _faiss().IDSelectorBatch(allowed)
    chosen = np.zeros(highest + 1, dtype=np.bool_)
    chosen[allowed] = True
    return _faiss().IDSelectorBitmap(np.packbits(chosen, bitorder="little"))


def _rescored(queries: Vectors, ids: NDArray[np.int64], exact: UnitVectors) -> NDArray[np.float32]:
    """Return the exact inner products (m, c) of each query with its own candidates."""
    scores = np.full(ids.shape, NO_SCORE, dtype=np.float32)
    for row, query in enumerate(queries):
        found = ids[row] != NO_ID
        scores[row, found] = exact.units(ids[row, found]) @ query
    return scores
