"""One experiment in numbers: what each picture of a set finds, and how much of it is right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from search import metrics
from search.index.ranking import Rankings, rankings
from search.types import Vectors


class CategoryScores(TypedDict):
    """The mean scores of the images of one category, 0 to 1, as an experiment's row keeps them."""

    name: str
    images: int
    weighted_precision: float
    precision: float
    average_precision: float


class CategoryCount(TypedDict):
    """How many neighbours were of a category."""

    category: str
    count: int


class Confusion(TypedDict):
    """Which categories the first neighbours of a category's images had, most often first."""

    category: str
    neighbours: list[CategoryCount]


@dataclass(frozen=True)
class Scores:
    """Scores of labelled queries, (m,) float64 each between 0 and 1, and what they are summed up to.

    `queries` (m,) are their places in the set; `confusion` counts the categories of the first k neighbours.
    """

    queries: NDArray[np.intp]
    weighted_precision: NDArray[np.float64]
    precision: NDArray[np.float64]
    average_precision: NDArray[np.float64]
    categories: list[CategoryScores]
    confusion: list[Confusion]


@dataclass(frozen=True)
class Neighbours:
    """The neighbours of every image among all: `places` (n, r) and `similarities` (n, r), nearest first.

    `scores` is None without two images of one category.
    """

    places: NDArray[np.int32]
    similarities: NDArray[np.float32]
    scores: Scores | None


@dataclass(frozen=True)
class ScoringOptions:
    """What is scored: the metric, how many neighbours are kept, how many the precisions look at."""

    metric: str
    neighbours: int
    k: int


def rank_and_score(
    vectors: Vectors,
    categories: Sequence[str],
    options: ScoringOptions,
    report: Callable[[int], None] = lambda count: None,
) -> Neighbours:
    """Rank the images of a set against each other; `categories` are their labels, "" where unknown.

    Unlabelled images are neighbours but neither queries nor relevant where scores are made: nobody knows.

    Raises: NotFoundError for an unknown metric.
    """
    labels = np.asarray(categories, dtype=np.str_)
    labelled = np.flatnonzero(labels != "")
    names, numbers = np.unique(labels[labelled], return_inverse=True)
    codes = numbers.astype(np.int32)
    scorable = len(names) < len(labelled)
    length = max(options.neighbours, options.k)
    complete = scorable and len(labelled) == len(labels)
    every = rankings(vectors, options.metric, length, codes if complete else None, report)
    scores = None
    if scorable:
        ranked = every if complete else rankings(vectors[labelled], options.metric, options.k, codes, report)
        scores = scores_of(ranked, labelled, names.tolist(), codes, options.k)
    kept = slice(None, options.neighbours)
    return Neighbours(every.neighbours[:, kept], every.scores[:, kept], scores)


def scores_of(
    ranked: Rankings, queries: NDArray[np.intp], names: list[str], codes: NDArray[np.int32], k: int
) -> Scores:
    """Return the scores of rankings of labelled images, with `names` of categories by their `codes` (n,)."""
    assert ranked.relevant is not None
    assert ranked.average_precision is not None
    weighted = metrics.weighted_precision_at(ranked.relevant, k)
    precision = metrics.precision_at(ranked.relevant, k)
    sizes = np.bincount(codes, minlength=len(names))

    def means(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(codes, weights=values, minlength=len(names)) / sizes

    rows = zip(names, sizes, means(weighted), means(precision), means(ranked.average_precision), strict=True)
    categories: list[CategoryScores] = [
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
    return Scores(queries, weighted, precision, ranked.average_precision, categories, confusion)


def _confusion(
    queries: NDArray[np.int32], neighbours: NDArray[np.int32], names: list[str]
) -> list[Confusion]:
    """Return how often each category finds each, most often first; pairs that never occur are left out."""
    pairs = queries[:, None].astype(np.int64) * len(names) + neighbours
    found, counts = np.unique(pairs, return_counts=True)
    by_category: list[list[CategoryCount]] = [[] for _ in names]
    for position in np.argsort(-counts, kind="stable"):
        asked, got = divmod(int(found[position]), len(names))
        by_category[asked].append({"category": names[got], "count": int(counts[position])})
    return [{"category": name, "neighbours": row} for name, row in zip(names, by_category, strict=True)]
