"""What a network's classifier sees in images: from its logits to the few classes that are stored."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gallery.vocabulary.words import vocabulary
from gallery.words.suggestions import Seen

KEPT = 5  # classes of an image
LEAST = 0.02  # what is less likely is not stored, but for the likeliest
# The logits are divided by it: so that of suggestions with a confidence of 0.7 seven in ten are right, as far
# as could be measured, see docs/explanation/words.md
TEMPERATURE = 0.8


def shares_of(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how likely each class is, (n, classes) of logits (n, classes): the calibrated softmax."""
    scaled = logits / TEMPERATURE
    grown = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True), dtype=np.float32)


def seen(image_ids: Iterable[int], logits: NDArray[np.float32]) -> list[Seen]:
    """Return what is seen in images, of logits (n, classes): up to five classes each, likeliest first."""
    shares = shares_of(logits)
    best = np.argpartition(-shares, KEPT, axis=1)[:, :KEPT]
    best = np.take_along_axis(best, np.argsort(-np.take_along_axis(shares, best, 1), axis=1), 1)
    keys = vocabulary().classes
    return [
        Seen(
            int(image),
            tuple(
                (keys[place], float(row[place]))
                for rank, place in enumerate(places)
                if rank == 0 or row[place] >= LEAST
            ),
        )
        for image, row, places in zip(image_ids, shares, best, strict=True)
    ]
