"""One experiment in numbers: what each picture of a set finds, and how much of it is right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search import metrics
from search.index.ranking import Rankings, rankings
from search.types import Vectors


@dataclass(frozen=True)
class Judged:
    """Scores of labelled queries, (m,) float64 each between 0 and 1, and what they are summed up to.

    `queries` (m,) are their places in the set; `categories` are scores of each category and `confusion` the
    categories of the first k neighbours, both ready for JSON.
    """

    queries: NDArray[np.intp]
    weighted_precision: NDArray[np.float64]
    precision: NDArray[np.float64]
    average_precision: NDArray[np.float64]
    categories: list[dict[str, Any]]
    confusion: list[dict[str, Any]]


@dataclass(frozen=True)
class Measured:
    """The neighbours of every picture among all; `judged` is None without two pictures of one category."""

    neighbours: NDArray[np.int32]
    scores: NDArray[np.float32]
    judged: Judged | None


@dataclass(frozen=True)
class Measure:
    """What is measured: the metric, how many neighbours are kept, how many the precisions look at."""

    metric: str
    neighbours: int
    k: int


def measure(
    vectors: Vectors,
    categories: Sequence[str],
    plan: Measure,
    report: Callable[[int], None] = lambda count: None,
) -> Measured:
    """Rank the pictures of a set against each other; `categories` are their labels, "" where unknown.

    Unlabelled pictures are neighbours but neither queries nor relevant where scores are made: nobody knows.

    Raises: NotFoundError for an unknown metric.
    """
    labels = np.asarray(categories, dtype=np.str_)
    labelled = np.flatnonzero(labels != "")
    names, numbers = np.unique(labels[labelled], return_inverse=True)
    codes = numbers.astype(np.int32)
    scorable = len(names) < len(labelled)
    length = max(plan.neighbours, plan.k)
    complete = scorable and len(labelled) == len(labels)
    every = rankings(vectors, plan.metric, length, codes if complete else None, report)
    judged = None
    if scorable:
        ranked = every if complete else rankings(vectors[labelled], plan.metric, plan.k, codes, report)
        judged = _judged(ranked, labelled, names.tolist(), codes, plan.k)
    return Measured(every.neighbours[:, : plan.neighbours], every.scores[:, : plan.neighbours], judged)


def _judged(
    ranked: Rankings, queries: NDArray[np.intp], names: list[str], codes: NDArray[np.int32], k: int
) -> Judged:
    assert ranked.relevant is not None
    assert ranked.average_precision is not None
    weighted = metrics.weighted_precision_at(ranked.relevant, k)
    precision = metrics.precision_at(ranked.relevant, k)
    sizes = np.bincount(codes, minlength=len(names))

    def means(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(codes, weights=values, minlength=len(names)) / sizes

    rows = zip(names, sizes, means(weighted), means(precision), means(ranked.average_precision), strict=True)
    categories = [
        {
            "name": name,
            "images": int(size),
            "weighted_precision": float(by_rank),
            "precision": float(share),
            "average_precision": float(average),
        }
        for name, size, by_rank, share, average in rows
    ]
    confusion = _confusion(codes, codes[ranked.neighbours[:, :k]], names)
    return Judged(queries, weighted, precision, ranked.average_precision, categories, confusion)


def _confusion(
    queries: NDArray[np.int32], neighbours: NDArray[np.int32], names: list[str]
) -> list[dict[str, Any]]:
    """Return how often each category finds each, most often first; pairs that never occur are left out."""
    pairs = queries[:, None].astype(np.int64) * len(names) + neighbours
    found, counts = np.unique(pairs, return_counts=True)
    by_category: list[list[dict[str, Any]]] = [[] for _ in names]
    for position in np.argsort(-counts, kind="stable"):
        asked, got = divmod(int(found[position]), len(names))
        by_category[asked].append({"category": names[got], "count": int(counts[position])})
    return [{"category": name, "neighbours": row} for name, row in zip(names, by_category, strict=True)]
