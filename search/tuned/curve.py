"""The learning curve of a tuning: what it gains with few labels a category, with more, and with ten more."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.tuned.held_out import Gain, Labelled, gain, scores_with, scores_without

LABELS = (5, 10, 20)
DRAWS = 3  # of the few labels, whose mean counts: a few pictures teach now more, now less
TEN_MORE = 10


@dataclass(frozen=True)
class Point:
    """What is gained by so many labels a category, of which four fifths are learned from.

    `labels` is the number where it was limited, and the mean over the learned categories for `all_labels`.
    """

    labels: float
    all_labels: bool
    weighted_precision: float
    gain: Gain


@dataclass(frozen=True)
class LearningCurve:
    """The weighted precision without a tuning, in percent, and the points by ascending numbers of labels."""

    before: float
    points: list[Point]
    queries: int

    @property
    def last(self) -> Point:
        """The point of all labels."""
        return self.points[-1]

    def ten_more(self) -> float | None:
        """Return at most how many points ten more labels a category would bring, None where nobody can tell.

        Precision grows about evenly with the logarithm of the number of labels, and ever less. So the slope
        of what was measured, over a step no shorter than the one ahead, is not exceeded; where all that was
        measured is a shorter step than that, nothing is told.
        """
        last, ahead = self.last, math.log1p(TEN_MORE / self.last.labels)
        for earlier in reversed(self.points[:-1]):
            step = math.log(last.labels / earlier.labels)
            if step >= ahead:
                rise = last.weighted_precision - earlier.weighted_precision
                return max(0.0, rise * ahead / step)
        return None


def learning_curve(labelled: Labelled, touch: Callable[[], None] = lambda: None) -> LearningCurve:
    """Measure a tuning with 5, 10, 20 and all labels a category; numbers that most lack are left out."""
    before = scores_without(labelled)
    taught = labelled.codes[labelled.codes < labelled.learnable]
    each = np.bincount(taught, minlength=labelled.learnable) * 4 / 5
    found = []
    for labels in LABELS:
        if labels < np.median(each):
            draws = [scores_with(labelled, labels, draw, touch) for draw in range(DRAWS)]
            found.append(_point(float(labels), before, np.mean(draws, axis=0), all_labels=False))
    found.append(_point(float(each.mean()), before, scores_with(labelled, touch=touch), all_labels=True))
    return LearningCurve(_percent(before), found, len(before))


def _point(
    labels: float, before: NDArray[np.float64], after: NDArray[np.float64], *, all_labels: bool
) -> Point:
    return Point(labels, all_labels, _percent(after), gain(before, after))


def _percent(scores: NDArray[np.float64]) -> float:
    return 100 * float(scores.mean()) if len(scores) else 0.0
