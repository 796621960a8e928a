"""Ranks every vector of a set against all the others, exactly, by matrix products in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError
from search import metrics
from search.types import Vectors

BLOCK_SCORES = 8_000_000  # scores held at once: 32 MB, and twice that for their sort keys

CategoryNumbers = NDArray[np.int32]  # (n,) category numbers
Scorer = Callable[[int, int], NDArray[np.float32]]


@dataclass(frozen=True)
class Rankings:
    """What each of n vectors finds among the others, or each of the first so many of them.

    `neighbours` (n, r) int32 are places, nearest first, equal scores in the order of the places; `scores`
    (n, r) float32, higher is nearer. With labels `relevant` (n, r) marks neighbours of the same label and
    `average_precision` (n,) float64 looks at the full ranking; without, both are None.
    """

    neighbours: NDArray[np.int32]
    scores: NDArray[np.float32]
    relevant: NDArray[np.bool_] | None
    average_precision: NDArray[np.float64] | None


def rankings(
    vectors: Vectors,
    metric: str,
    length: int,
    categories: CategoryNumbers | None = None,
    report: Callable[[int], None] = lambda count: None,
    *,
    asked: int | None = None,
) -> Rankings:
    """Return the `length` nearest others of each of the vectors (n, d), fewer when there are not as many.

    With `asked` only of the first so many, among all others. `report` is told after each block how many
    vectors have been ranked.

    Raises:
        NotFoundError: there is no such metric.
    """
    count = len(vectors)
    length = max(0, min(length, count - 1))
    rows = count if asked is None else asked
    score = scorer(vectors, metric)
    neighbours = np.empty((rows, length), dtype=np.int32)
    scores = np.empty((rows, length), dtype=np.float32)
    relevant = np.empty((rows, length), dtype=np.bool_) if categories is not None else None
    average_precision = np.zeros(rows) if categories is not None else None
    totals = np.bincount(categories)[categories] - 1 if categories is not None else None
    for start, end in _blocks(count, rows):
        block = score(start, end)
        # a vector is not among the others
        block[np.arange(end - start), np.arange(start, end)] = -np.inf
        order = _order(block, length, full=categories is not None)
        first = order[:, :length]
        neighbours[start:end] = first
        scores[start:end] = np.take_along_axis(block, first.astype(np.intp), axis=1)
        if categories is not None and relevant is not None and totals is not None:
            same = categories[order] == categories[start:end, None]
            same[:, -1] = False  # the vector itself, last by its score
            relevant[start:end] = same[:, :length]
            assert average_precision is not None
            average_precision[start:end] = metrics.average_precision(same, totals[start:end])
        report(end)
    return Rankings(neighbours, scores, relevant, average_precision)


def scorer(vectors: Vectors, metric: str) -> Scorer:
    """Return a function from a range of vectors to their scores (rows, n) float32 against all of them.

    Higher is nearer: euclidean and manhattan are minus the distance. Products are summed in float64 and
    rounded to float32 once: equal scores stay equal wherever their vectors stand, and distances of near
    duplicates keep their digits.

    Raises:
        NotFoundError: there is no such metric.
    """
    if metric == "manhattan":
        return _negative_block_distances(np.ascontiguousarray(vectors))
    rows = vectors.astype(np.float64)
    if metric == "cosine":
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        rows /= np.where(lengths > 0, lengths, 1)  # in place: of the longest vectors there are gigabytes
        return _products(rows)
    if metric == "inner_product":
        return _products(rows)
    if metric == "euclidean":
        return _negative_distances(rows)
    raise NotFoundError(
        f"There is no metric {metric!r}; there are cosine, euclidean, inner_product and manhattan."
    )


def _products(rows: NDArray[np.float64]) -> Scorer:
    return lambda start, end: (rows[start:end] @ rows.T).astype(np.float32)


def _negative_distances(rows: NDArray[np.float64]) -> Scorer:
    squares = np.einsum("ij,ij->i", rows, rows)

    def score(start: int, end: int) -> NDArray[np.float32]:
        squared = rows[start:end] @ rows.T
        squared *= -2
        squared += squares[start:end, None]
        squared += squares
        return -np.sqrt(np.maximum(squared, 0)).astype(np.float32)

    return score


def _negative_block_distances(rows: Vectors) -> Scorer:
    import faiss

    return lambda start, end: (
        -np.asarray(faiss.pairwise_distances(rows[start:end], rows, metric=faiss.METRIC_L1), dtype=np.float32)
    )


def _blocks(count: int, asked: int) -> Iterator[tuple[int, int]]:
    rows = max(1, BLOCK_SCORES // max(1, count))
    for start in range(0, asked, rows):
        yield start, min(asked, start + rows)


def _order(scores: NDArray[np.float32], length: int, *, full: bool) -> NDArray[np.uint32]:
    """Return the places of each row by falling score, then rising place; without `full`, the first `length`.

    Score and place are packed into one integer, so that one sort of integers decides both: five times faster
    than a stable argsort, which the ties would need.
    """
    keys = _keys(scores)
    if not full and 0 < length < keys.shape[1]:
        keys.partition(length - 1, axis=1)
        keys = keys[:, :length]
    keys.sort(axis=1)
    return np.ascontiguousarray((keys & np.uint64(0xFFFFFFFF)).astype(np.uint32))


def _keys(scores: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Return integers (rows, n) that rise where scores fall; the lower half of each is its place."""
    bits = (np.float32(0) - scores).view(np.int32)  # subtracting, unlike negating, gives no -0.0 of 0.0
    # IEEE 754 numbers order like integers once negative ones are turned over
    flip = bits >> 31
    flip |= np.int32(-(2**31))
    bits ^= flip
    keys = bits.view(np.uint32).astype(np.uint64)
    keys <<= np.uint64(32)
    keys |= np.arange(scores.shape[1], dtype=np.uint64)
    return keys
