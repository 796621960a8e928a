"""What a tuning gains for images that it did not learn from: five-fold cross-validation, and its noise.

The labelled images are dealt into five folds, category by category. The images of a fold search with a tuning
that was learned from the other four folds. Held out are so: the label of the query, and those of the images
of its own fold, which are among what is searched and count as right or wrong, but taught nothing. The other
images that are searched keep theirs, as they do when somebody searches a tuned dataset with a new image. The
query itself is never among its hits. A near copy of the query in another fold did teach its category: where
a dataset holds copies, the figure is of a dataset that does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search import metrics
from search.index.live import QUERY_EXPANSION, LiveIndex
from search.tuned.tuning import NO_CATEGORY, Codes, Tuning, centred_units, taught
from search.types import Ids, Vectors

FOLDS = 5
RESAMPLES = 2000
BOUND = 2.5  # percent of the resamples are below the lower bound of a gain, and as many above the upper one
# Percent of the resamples that may lose where a gain counts. Queries of a fold share what was learned, so a
# bootstrap of single queries is too sure: with labels by chance 5 % of gains were above a bound of 2.5 %.
MAY_LOSE = 0.5
SCORED_FIRST = 10
MOST_QUERIES = 2000
SEED = 20


@dataclass(frozen=True)
class Labelled:
    """Labelled images: `vectors` (n, d) as stored, `codes` (n,) of their categories, all of them counted.

    Of the categories the first `learnable` have enough images to be learned. `centre` (d,) is that of the
    index of these vectors.
    """

    vectors: NDArray[np.float16]
    codes: Codes
    learnable: int
    centre: NDArray[np.float32]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.codes)

    @property
    def taught(self) -> Codes:
        """The codes (n,) with `NO_CATEGORY` for categories that are not learned."""
        return np.where(self.codes < self.learnable, self.codes, NO_CATEGORY).astype(np.int32)


@dataclass(frozen=True)
class Gain:
    """A mean gain over queries in points, and the bounds within which 95 % of the resamples of it lie.

    Hardly any of the resamples gains less than `least`.
    """

    mean: float
    low: float
    high: float
    least: float

    @property
    def is_beyond_noise(self) -> bool:
        """Whether hardly any resample of the queries would have lost."""
        return self.least > 0


@dataclass(frozen=True)
class Fold:
    """A fifth of the images: their places (m,), ascending, and a tuning that learned nothing from them."""

    places: NDArray[np.intp]
    tuning: Tuning


def folds_of(codes: Codes) -> NDArray[np.intp]:
    """Return which fold each image is in, (n,): every category is dealt out evenly."""
    order = np.random.default_rng(SEED).permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    folds = np.empty(len(codes), dtype=np.intp)
    folds[order] = np.arange(len(codes)) % FOLDS
    return folds


def queries_of(labelled: Labelled) -> NDArray[np.intp]:
    """Return the places of the images that search, ascending: all that have one to find, or some."""
    counts = np.bincount(labelled.codes)
    found = np.flatnonzero(counts[labelled.codes] > 1)
    if len(found) > MOST_QUERIES:
        found = np.sort(np.random.default_rng(SEED).choice(found, MOST_QUERIES, replace=False))
    return found


def tuned_folds(labelled: Labelled, labels: int | None = None, draw: int = 0) -> Iterator[Fold]:
    """Yield the folds with what is learned without each, of at most `labels` images a category.

    Which images these are is drawn by chance; another `draw`, others.
    """
    units = centred_units(labelled.vectors, labelled.centre)
    folds = folds_of(labelled.codes)
    for fold in range(FOLDS):
        apart = np.flatnonzero(folds == fold)
        if not len(apart):
            continue
        known = np.flatnonzero(folds != fold)
        if labels is not None:
            known = known[_first_of_each(labelled.codes[known], labels, FOLDS * draw + fold)]
        yield Fold(apart, taught(labelled.centre, units[known], labelled.taught[known], labelled.learnable))


def _first_of_each(codes: Codes, labels: int, seed: int) -> NDArray[np.intp]:
    """Return the places of at most so many of each category, drawn by chance."""
    order = np.random.default_rng(seed).permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    ranks = np.arange(len(codes)) - np.searchsorted(codes[order], codes[order])
    return np.sort(order[ranks < labels])


def scores_without(labelled: Labelled) -> NDArray[np.float64]:
    """Return the weighted precision (m,) of each query, 0 to 1, of the vectors as they are."""
    return _scores(labelled, labelled.vectors, queries_of(labelled))


def scores_with(
    labelled: Labelled, labels: int | None = None, draw: int = 0, touch: Callable[[], None] = lambda: None
) -> NDArray[np.float64]:
    """Return the weighted precision (m,) of each query, 0 to 1, of vectors tuned without its fold."""
    queries = queries_of(labelled)
    found = np.zeros(len(queries))
    for fold in tuned_folds(labelled, labels, draw):
        touch()
        asked = np.intersect1d(queries, fold.places)
        tuned = fold.tuning.tuned(labelled.vectors)
        found[np.searchsorted(queries, asked)] = _scores(labelled, tuned, asked)
    return found


def _scores(
    labelled: Labelled, vectors: Vectors | NDArray[np.float16], queries: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Search as live search does, expansion and all, but exactly and among labelled images only."""
    ids: Ids = np.arange(len(labelled), dtype=np.int64)
    live = LiveIndex(None, ids, vectors)
    found = live.search(
        live.vectors(ids[queries]), SCORED_FIRST, exclude_ids=ids[queries], expansion=QUERY_EXPANSION
    ).ids
    right = (labelled.codes[found] == labelled.codes[queries][:, None]) & (found >= 0)
    return metrics.weighted_precision_at(right, SCORED_FIRST)


def gain(before: NDArray[np.float64], after: NDArray[np.float64]) -> Gain:
    """Return the gain of paired scores (m,) between 0 and 1, in points, by a bootstrap over the queries."""
    differences = 100 * (after - before)
    if not len(differences):
        return Gain(0.0, 0.0, 0.0, 0.0)
    random = np.random.default_rng(SEED)
    means = np.array([random.choice(differences, len(differences)).mean() for _ in range(RESAMPLES)])
    least, low, high = np.percentile(means, [MAY_LOSE, BOUND, 100 - BOUND])
    return Gain(float(differences.mean()), float(low), float(high), float(least))
