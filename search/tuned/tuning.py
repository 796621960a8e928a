"""What is learned of labelled vectors: a matrix that tells categories, and whose answer stands beside each.

Of a vector v the index would compare x = unit(v - centre). Ridge regression of the categories of labelled
images on their x, W = (X'X + n/1000 I)^-1 X'Y, gives every vector a second half: t = unit([x, a unit(xW)]).
It counts as far as it is sure: a = max(xW) / usual, from 0 to 1, where `usual` is the median of max(xW) of
the images that taught it. Of two sure ones the cosine is the mean of two cosines: how alike they look, and
how alike their likenesses to the categories are. What is like no category is found by what it looks like.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.index.base import half_precision, normalise
from search.types import Vectors

RIDGE = 1 / 1000  # of the number of labelled images
NO_CATEGORY = -1  # the code of a labelled image whose category is not learned

Codes = NDArray[np.int32]  # (n,) the category of each image, by its number


@dataclass(frozen=True)
class Tuning:
    """A learned tuning: `centre` (d,) is subtracted first, and `weights` (d, c) tell c categories.

    From a greatest likeness of `usual` on likenesses count in full; always where it is 0, as in older ones.
    """

    centre: NDArray[np.float32]
    weights: NDArray[np.float32]
    usual: float = 0.0

    @property
    def dims(self) -> int:
        """Dimensions of a tuned vector."""
        return sum(self.weights.shape)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all its numbers: who has the same one makes the same vectors."""
        content = hashlib.sha256(repr(self.weights.shape).encode())
        content.update(self.centre.astype("<f4").tobytes())
        content.update(self.weights.astype("<f4").tobytes())
        if self.usual:
            content.update(repr(self.usual).encode())
        return content.hexdigest()

    def tuned(self, vectors: NDArray[Any]) -> Vectors:
        """Return the tuned vectors (n, d + c) of plain ones (n, d), each of unit length.

        They are made of what is stored, which has 16 bits a number: a query is then the same as its image.
        """
        units = centred_units(vectors, self.centre)
        likeness = units @ self.weights
        return normalise(np.hstack((units, self._counting(likeness)[:, None] * normalise(likeness))))

    def _counting(self, likeness: NDArray[Any]) -> NDArray[np.float32]:
        """Return how much likenesses (n, c) count, (n,) from 0 to 1."""
        if not self.usual:
            return np.ones(len(likeness), dtype=np.float32)
        return np.asarray(np.clip(likeness.max(axis=1) / self.usual, 0, 1), dtype=np.float32)

    def linear_part(
        self, vector: NDArray[Any], direction: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], float]:
        """Return how direction . tuned(v) depends on a plain vector v (d,): (d,) and a constant.

        The lengths that are divided by, and how much likenesses count, are held fixed, as the length in a
        cosine is: for v = `vector` it is exact.
        """
        centred = vector.astype(np.float64) - self.centre
        length = float(np.linalg.norm(centred)) or 1.0
        weights = self.weights.astype(np.float64)
        likeness = centred / length @ weights
        counting = float(self._counting(likeness[None])[0]) * bool(likeness.any())
        dims = len(self.centre)
        second = counting * (weights @ direction[dims:]) / (float(np.linalg.norm(likeness)) or 1.0)
        both = np.sqrt(bool(centred.any()) + counting**2) or 1.0
        found = (direction[:dims] + second) / (length * both)
        return found, -float(found @ self.centre)


def centred_units(vectors: NDArray[Any], centre: NDArray[np.float32]) -> Vectors:
    """Return plain vectors (n, d), as they are stored in 16 bits, about a centre (d,) and of unit length."""
    return normalise(half_precision(vectors, len(centre)).astype(np.float32) - centre)


def taught(centre: NDArray[np.float32], units: Vectors, codes: Codes, categories: int) -> Tuning:
    """Return the tuning that labelled unit vectors (n, d) about a centre (d,) teach, as `learned` does."""
    weights = learned(units, codes, categories)
    known = units[codes != NO_CATEGORY]
    usual = float(np.median((known @ weights).max(axis=1))) if len(known) else 0.0
    return Tuning(centre, weights, max(0.0, usual))


def learned(units: Vectors, codes: Codes, categories: int) -> NDArray[np.float32]:
    """Return the weights (d, c) that ridge regression learns of labelled unit vectors (n, d).

    A row whose code is `NO_CATEGORY` is of none of the c categories, and teaches what they are not.
    """
    rows, dims = units.shape
    asked = np.zeros((rows, categories), dtype=np.float64)
    known = np.flatnonzero(codes != NO_CATEGORY)
    asked[known, codes[known]] = 1
    asked -= asked.mean(axis=0)
    known_units = units.astype(np.float64)
    ridge = rows * RIDGE
    if rows < dims:  # the smaller of two systems with the same solution
        inner = known_units @ known_units.T + ridge * np.eye(rows)
        found = known_units.T @ np.linalg.solve(inner, asked)
    else:
        inner = known_units.T @ known_units + ridge * np.eye(dims)
        found = np.linalg.solve(inner, known_units.T @ asked)
    return found.astype(np.float32)
