"""How far a map may be believed, and how well it keeps categories apart: pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search.projections.pca import prepared_blocks
from search.projections.plan import METRICS, Points, ProjectionInputError, checked_points, checked_vectors
from search.types import Vectors

TRUSTWORTHINESS_AT = 12
AGREEMENT_AT = 10
SEPARATION_AT = 10
QUERIES = 2_000  # of more vectors, so many are asked; the standard error is then below 0.002
BLOCK_VALUES = 8_000_000  # 32 MB of float32
SEED = 0

Squares: TypeAlias = NDArray[np.float32]
Rows: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Fidelity:
    """What a map keeps of its vectors' neighbourhoods, each 0 to 1, asked of `queries` of the vectors."""

    trustworthiness: float
    neighbour_agreement: float
    queries: int


def fidelity(
    vectors: NDArray[Any],
    points: NDArray[Any],
    *,
    trust_k: int = TRUSTWORTHINESS_AT,
    agreement_k: int = AGREEMENT_AT,
    metric: str = "cosine",
) -> Fidelity:
    """Return trustworthiness and neighbour agreement of a map (n, 2) of vectors (n, d), in one pass.

    Trustworthiness is 1 less a penalty for each of a point's k nearest on the map that is not among its k
    nearest in the full space, by how many ranks it misses them (Venna and Kaski 2001, "Neighborhood
    preservation in nonlinear projection methods"). Agreement is the share of the k nearest in the full
    space that are among the k nearest on the map. Distances are exact and in the full space; above 2,000
    vectors a seeded sample of them is asked. k is lowered to (n - 1) // 2, for which the first is
    defined; with fewer than three vectors there is nothing to get wrong, and both are 1.
    Raises: ProjectionInputError for wrong shapes, values that are not finite, or an unknown metric.
    """
    if metric not in METRICS:
        raise ProjectionInputError(f"There is no metric {metric!r}; there are {' and '.join(METRICS)}.")
    rows = checked_vectors(vectors)
    places = checked_points(points, len(rows))
    count = len(rows)
    trust_k, agreement_k = (min(k, (count - 1) // 2) for k in (trust_k, agreement_k))
    if count < 3 or trust_k < 1 or agreement_k < 1:
        return Fidelity(1.0, 1.0, count)
    queries = _queries(count)
    on_map = _map_neighbours(places, queries, max(trust_k, agreement_k))
    missed, shared, start = 0, 0, 0
    for squares in _squares(rows, queries, metric):
        nearby = on_map[start : start + len(squares)]
        missed += _missed_ranks(squares, nearby[:, :trust_k])
        shared += _shared(squares, nearby[:, :agreement_k])
        start += len(squares)
    asked = len(queries)
    worst = asked * trust_k * (2 * count - 3 * trust_k - 1) / 2
    return Fidelity(1 - missed / worst, shared / (asked * agreement_k), asked)


def trustworthiness(
    vectors: NDArray[Any], points: NDArray[Any], k: int = TRUSTWORTHINESS_AT, *, metric: str = "cosine"
) -> float:
    """Return the trustworthiness alone, 0 to 1, as `fidelity` defines it."""
    return fidelity(vectors, points, trust_k=k, metric=metric).trustworthiness


def neighbour_agreement(
    vectors: NDArray[Any], points: NDArray[Any], k: int = AGREEMENT_AT, *, metric: str = "cosine"
) -> float:
    """Return the neighbour agreement alone, 0 to 1, as `fidelity` defines it."""
    return fidelity(vectors, points, agreement_k=k, metric=metric).neighbour_agreement


def separation(points: NDArray[Any], categories: Sequence[str], k: int = SEPARATION_AT) -> float:
    """Return how well a map (n, 2) keeps categories apart: 1 perfectly, 0 as a random map, below 0 worse.

    (agreement - chance) / (1 - chance): agreement is the mean, over the labelled points whose category
    has others, of the share of same-category ones among the k nearest labelled points; k is no more than the
    category has others. Chance is what a random map would get. Points without a label ("") are left out.
    Unlike a silhouette it does not mind a category in two parts or of an odd shape. 0 where there are
    fewer than two categories: nothing is there to separate.
    Raises: ProjectionInputError for wrong shapes.
    """
    names = np.asarray(categories, dtype=np.str_)
    places = checked_points(points, len(names))[names != ""]
    known, numbers, sizes = np.unique(names[names != ""], return_inverse=True, return_counts=True)
    others = sizes[numbers] - 1
    asked = np.flatnonzero(others > 0)
    if len(known) < 2 or not len(asked):
        return 0.0
    limits = np.minimum(k, others[asked])
    nearby = _map_neighbours(places, asked, int(limits.max()))
    counted = np.arange(nearby.shape[1]) < limits[:, None]
    same = (numbers[nearby] == numbers[asked][:, None]) & counted
    agreement = float((same.sum(axis=1) / limits).mean())
    chance = float((others[asked] / (len(places) - 1)).mean())
    return (agreement - chance) / (1 - chance)


def weighted_separation(trust: float, separated: float) -> float:
    """Return trustworthiness times separation: a map that is not to be believed separates nothing."""
    return trust * separated


def _queries(count: int) -> Rows:
    if count <= QUERIES:
        return np.arange(count, dtype=np.int64)
    return np.sort(np.random.default_rng(SEED).choice(count, QUERIES, replace=False))


def _map_neighbours(points: Points, queries: Rows, k: int) -> Rows:
    """Return the rows (m, k) of the nearest other points of each query row, nearest first."""
    from scipy.spatial import cKDTree

    # A k-d tree, as the squares of a matrix product would be too coarse for points that nearly touch.
    _, found = cKDTree(points.astype(np.float64)).query(points[queries].astype(np.float64), k + 1)
    # Among equal points a point may come after others, or not at all: then the farthest goes.
    own = found == queries[:, None]
    own[~own.any(axis=1), -1] = True
    return np.asarray(found[~own].reshape(len(queries), k), dtype=np.int64)


def _squares(vectors: Vectors, queries: Rows, metric: str) -> Iterator[Squares]:
    """Yield squared distances (b, n) from query rows to all vectors, infinite to themselves, in blocks."""
    rows = np.empty_like(vectors)
    for first, block in prepared_blocks(vectors, metric):
        rows[first : first + len(block)] = block
    rows -= rows.mean(axis=0, dtype=np.float64).astype(np.float32)  # small numbers keep small differences
    lengths = np.einsum("nd,nd->n", rows, rows)
    step = max(1, BLOCK_VALUES // len(rows))
    for start in range(0, len(queries), step):
        own = queries[start : start + step]
        squares = rows[own] @ rows.T
        squares *= -2
        squares += lengths
        squares += lengths[own][:, None]
        squares[np.arange(len(own)), own] = np.inf
        yield squares


def _missed_ranks(squares: Squares, on_map: Rows) -> int:
    """Return by how many ranks in the full space the neighbours on the map miss the first k, in all."""
    k = on_map.shape[1]
    distances = np.take_along_axis(squares, on_map, 1)
    missed = 0
    for place in range(k):
        ranks = 1 + (squares < distances[:, place : place + 1]).sum(axis=1)
        missed += int(np.maximum(ranks - k, 0).sum())
    return missed


def _shared(squares: Squares, on_map: Rows) -> int:
    """Return how many of the k nearest in the full space are among the k nearest on the map, in all."""
    k = on_map.shape[1]
    farthest = np.partition(squares, k - 1, axis=1)[:, k - 1 : k]
    return int((np.take_along_axis(squares, on_map, 1) <= farthest).sum())
