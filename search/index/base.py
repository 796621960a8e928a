"""What every vector index promises, and the one place where vectors are normalised."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gallery.errors import SemsearchError
from search.types import GenerationFacts, Ids, Vectors

# (ids (n,) int64 ascending over all batches, vectors (n, d) uncentred)
VectorBatches: TypeAlias = Iterable[tuple[Ids, NDArray[Any]]]

NO_ID = -1
NO_SCORE = np.float32(-np.inf)


class IndexInputError(SemsearchError, ValueError):
    """Ids, vectors or a name handed to an index cannot be used."""

    code = "index_input"
    status = 422


@dataclass(frozen=True)
class SearchResult:
    """Hits of m queries, nearest first: `ids` (m, k) padded with -1, `scores` (m, k) padded with -inf."""

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]


@dataclass(frozen=True)
class IndexStats:
    """Size and kind of an index; `bytes_per_vector` is what it holds in memory, coarse centroids included."""

    count: int
    dims: int
    factory: str
    metric: str
    bytes_per_vector: float


class VectorIndex(Protocol):
    """Nearest unit vectors by inner product; ids are int64 database keys."""

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Add unit vectors (n, d) under their ids (n,)."""

    def remove(self, ids: Ids) -> int:
        """Remove ids and return how many were there."""

    def search(self, vectors: Vectors, k: int, allowed_ids: Ids | None = None) -> SearchResult:
        """Return the k nearest of each unit query (m, d), only from `allowed_ids` when given."""

    def stats(self) -> IndexStats:
        """Return size and kind."""


class PublishedGeneration(Protocol):
    """What was built of an index and serves, whichever engine holds it.

    An engine may take in changes while it serves; another name tells that it has. Whoever searches leaves out
    what is newer or gone.
    """

    @property
    def name(self) -> str:
        """The generation's name; another one whenever what it holds is another."""

    @property
    def count(self) -> int:
        """Vectors held."""

    @property
    def dims(self) -> int:
        """Dimensions of a vector."""

    @property
    def centre(self) -> NDArray[np.float32]:
        """What is subtracted from every vector and query, (d,)."""

    @property
    def last_id(self) -> int:
        """The highest id held, 0 where there is none."""

    @property
    def ids(self) -> Ids:
        """All ids (n,), ascending: for checks, not for searches."""

    def known(self, ids: Ids) -> NDArray[np.bool_]:
        """Return (n,) bool: which ids are held."""

    def vectors(self, ids: Ids) -> NDArray[np.float16]:
        """Return the uncentred vectors (n, d) of ids, in their order; Raises: NotFoundError."""

    def sample(self, size: int) -> Ids:
        """Return up to `size` ids spread over all of them."""

    def search(self, units: Vectors, k: int, allowed_ids: Ids | None = None) -> SearchResult:
        """Return the k nearest of each centred unit query (m, d)."""

    def scans(self, allowed: int | None) -> bool:
        """Whether every vector is compared when so many are allowed, None for all: no hit is lost then."""

    def block_of(self, k: int) -> int:
        """Return how many hits to ask for when k are wanted.

        Of an index that finds nearly all, another number may find another few: pages of one list are cut
        out of whole blocks.
        """

    def is_there(self) -> bool:
        """Whether it can be searched without harm: a file cut short ends the process that has it mapped.

        Asked before every search, and so cheap.
        """

    def facts(self) -> GenerationFacts:
        """Return what is known of how it was built and what was measured, as plain values."""


class UnitVectors(Protocol):
    """Exact unit vectors by id, for re-ranking what a compressed index proposes."""

    def known(self, ids: Ids) -> NDArray[np.bool_]:
        """Return (n,) bool: which ids have a vector."""

    def scores(self, queries: Vectors, ids: Ids) -> NDArray[np.float32]:
        """Return the inner products (m, n) of unit queries (m, d) with the vectors of known ids (n,)."""

    def nearest(self, queries: Vectors, ids: Ids, k: int) -> SearchResult:
        """Return the exact k nearest of unit queries (m, d) among known ids (n,)."""


class StoredVectors(Protocol):
    """Vectors as they are kept for good, not centred, read by id from wherever that is."""

    def read(self, ids: Ids) -> tuple[Ids, NDArray[np.float16]]:
        """Return those of ids (n,) that are stored, ascending, and their vectors (m, d) in that order."""


def normalise(vectors: NDArray[Any]) -> Vectors:
    """Return a contiguous float32 copy (n, d) with rows of length one; zero rows stay zero.

    Raises: IndexInputError for a wrong shape, or NaN or infinite values.
    """
    rows = np.array(vectors, dtype=np.float32, order="C")
    if rows.ndim != 2:
        raise IndexInputError(f"Vectors must have the shape (n, d), not {rows.shape}.")
    if not np.isfinite(rows).all():
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        raise IndexInputError(f"{len(bad)} vector(s) hold NaN or infinite values, the first in row {bad[0]}.")
    # Scaling by the largest entry first keeps squares from overflowing or vanishing in float32.
    peak = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
    rows /= np.where(peak > 0, peak, 1)
    length = np.sqrt(np.einsum("nd,nd->n", rows, rows))[:, None]
    rows /= np.where(length > 0, length, 1)
    return rows


def checked_ids(ids: NDArray[Any] | list[int], count: int | None = None) -> Ids:
    """Return ids as contiguous (n,) int64.

    Raises: IndexInputError when they are negative, not whole numbers, or not `count` of them.
    """
    array = np.asarray(ids)
    if array.size and array.dtype.kind not in "iu":
        raise IndexInputError(f"Ids must be whole numbers, not {array.dtype}.")
    checked = np.ascontiguousarray(array, dtype=np.int64)
    if checked.ndim != 1 or (count is not None and len(checked) != count):
        raise IndexInputError(
            f"Expected {count if count is not None else 'n'} ids in one row, got {checked.shape}."
        )
    if checked.size and checked.min() < 0:
        raise IndexInputError("Ids must not be negative.")
    return checked


def ascending(ids: NDArray[Any]) -> Ids:
    """Return ids sorted and without repeats (n,); Raises: IndexInputError as `checked_ids`."""
    checked = checked_ids(ids)
    # Queries by primary key come sorted already, and sorting 200,000 again costs more than the search.
    return checked if (checked[1:] > checked[:-1]).all() else np.unique(checked)


def contained(ids: NDArray[np.int64], allowed: Ids) -> NDArray[np.bool_]:
    """Return for ids of any shape whether they are among the allowed (n,), which ascend: few among many."""
    if not len(allowed):
        return np.zeros(ids.shape, dtype=np.bool_)
    places = np.minimum(np.searchsorted(allowed, ids), len(allowed) - 1)
    return np.asarray(allowed[places] == ids)


def checked_rows(vectors: NDArray[Any], dims: int) -> Vectors:
    """Return vectors as contiguous (n, d) float32.

    Raises: IndexInputError when they are not (n, dims).
    """
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or rows.shape[1] != dims:
        raise IndexInputError(f"This index holds vectors of {dims} dimensions; got the shape {rows.shape}.")
    return rows


def half_precision(vectors: NDArray[Any], dims: int) -> NDArray[np.float16]:
    """Return vectors (n, dims) as contiguous float16.

    Raises: IndexInputError for another shape, or values that float16 cannot hold.
    """
    with np.errstate(over="ignore"):  # what overflows is refused below
        rows = np.ascontiguousarray(vectors, dtype=np.float16)
    if rows.ndim != 2 or rows.shape[1] != dims:
        raise IndexInputError(f"Expected vectors of {dims} dimensions, got the shape {rows.shape}.")
    if not np.isfinite(rows).all():
        raise IndexInputError("Vectors hold NaN, infinite values or values beyond the range of float16.")
    return rows


def nothing_found(queries: int, k: int) -> SearchResult:
    """Return a result of only padding, (queries, k)."""
    return SearchResult(
        np.full((queries, k), NO_ID, dtype=np.int64), np.full((queries, k), NO_SCORE, dtype=np.float32)
    )


def best(ids: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> SearchResult:
    """Return the k highest of candidates (m, c), equal scores by id; an id of -1 counts as absent."""
    scores = np.where(ids == NO_ID, NO_SCORE, scores)
    if len(ids) == 1:  # NumPy's way along an axis takes longer than sorting the few of one query
        return _best_of_one(ids[0], scores[0], k)
    if ids.shape[1] > 4 * k > 0:
        # Everything equal to the k-th score must stay in play, or ties would be cut at random.
        edge = np.partition(scores, ids.shape[1] - k, axis=1)[:, -k][:, None]
        widest = int((scores >= edge).sum(axis=1).max())
        kept = np.argpartition(scores, ids.shape[1] - widest, axis=1)[:, -widest:]
        ids, scores = np.take_along_axis(ids, kept, 1), np.take_along_axis(scores, kept, 1)
    found = nothing_found(len(ids), k)
    order = np.lexsort((ids, -scores), axis=1)[:, :k]
    found.ids[:, : order.shape[1]] = np.take_along_axis(ids, order, 1)
    found.scores[:, : order.shape[1]] = np.take_along_axis(scores, order, 1)
    return found


def _best_of_one(ids: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> SearchResult:
    if len(ids) > 4 * k > 0:
        kept = np.flatnonzero(scores >= np.partition(scores, len(ids) - k)[len(ids) - k])
        ids, scores = ids[kept], scores[kept]
    order = np.lexsort((ids, -scores))[:k]
    found = nothing_found(1, k)
    found.ids[0, : len(order)], found.scores[0, : len(order)] = ids[order], scores[order]
    return found


def brute_force(queries: Vectors, ids: Ids, units: Vectors, k: int) -> SearchResult:
    """Return the exact k nearest of unit queries (m, d) among unit vectors (n, d)."""
    if not len(ids) or not len(queries) or not k:
        return nothing_found(len(queries), k)
    parts = []
    step = max(1, 4_000_000 // len(ids))  # bounds the score table to 16 MB
    for start in range(0, len(queries), step):
        scores = queries[start : start + step] @ units.T
        parts.append(best(np.broadcast_to(ids, scores.shape), scores, k))
    return SearchResult(np.concatenate([p.ids for p in parts]), np.concatenate([p.scores for p in parts]))
