"""Learns from labels what tells their categories apart, and measures it on images it did not learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.index.base import IndexInputError, half_precision
from search.index.faiss.generation import Mean
from search.tuned.curve import LearningCurve, learning_curve
from search.tuned.held_out import Labelled
from search.tuned.tuning import Tuning, centred_units, taught


@dataclass(frozen=True)
class Tuned:
    """What was learned of labels: `categories` are their names, and `curve` what that gains, by their number.

    `before` and `after` are weighted precisions in percent: of each image by what was learned without it and
    a fifth of the others.
    """

    categories: list[str]
    before: float
    after: float
    curve: LearningCurve
    tuning: Tuning

    @property
    def gains(self) -> bool:
        """Whether the gain is beyond what the choice of images makes by chance."""
        return self.curve.last.gain.is_beyond_noise

    def apply(self, vectors: NDArray[Any]) -> NDArray[np.float32]:
        """Return vectors (n, d) tuned, (n, d + categories): those that were learned from, and any others."""
        return self.tuning.tuned(vectors)


def tune(vectors: NDArray[Any], labels: Sequence[str]) -> Tuned:
    """Learn from labelled vectors (n, d) what tells their labels (n,) apart, and measure it.

    An image without a label, "", is passed over.

    Raises: IndexInputError: there are not as many labels as vectors, or no two images of one label.
    """
    rows, names = np.asarray(vectors), np.asarray(labels, dtype=np.str_)
    if rows.ndim != 2 or len(rows) != len(names):
        raise IndexInputError(f"Give vectors (n, d) and n labels, not {rows.shape} and {len(names)}.")
    stored = half_precision(rows[names != ""], rows.shape[1])
    found, codes, counts = np.unique(names[names != ""], return_inverse=True, return_counts=True)
    if not (counts > 1).any():
        raise IndexInputError("No two images have the same label: there is nothing to learn.")
    mean = Mean(rows.shape[1])
    mean.add(stored)
    labelled = Labelled(stored, codes.astype(np.int32), len(found), mean.centre())
    curve = learning_curve(labelled)
    units = centred_units(stored, labelled.centre)
    tuning = taught(labelled.centre, units, labelled.codes, len(found))
    after = round(curve.last.weighted_precision, 2)
    return Tuned(found.tolist(), round(curve.before, 2), after, curve, tuning)
