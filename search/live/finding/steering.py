"""Puts examples for and against together to one query, which any index can be asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.index.base import normalise
from search.types import Vectors

# How much the mean of what is unlike counts beside the mean of what is like. Source: Rocchio's relevance
# feedback, in Manning, Raghavan and Schütze, "Introduction to Information Retrieval", 2008, section 9.1.1.
AGAINST = 0.5


@dataclass(frozen=True)
class Steering:
    """Uncentred vectors of examples: `like` (p, d) with weights (p,), `unlike` (n, d) with weights (n,)."""

    like: Vectors
    like_weights: NDArray[np.float32]
    unlike: Vectors
    unlike_weights: NDArray[np.float32]

    def query(self, centre: NDArray[np.float32] | float = 0.0) -> NDArray[np.float32]:
        """Return the uncentred query (d,) whose direction from the centre (d,) they steer to."""
        return np.asarray(centre + normalise(self._direction(centre)[None])[0], dtype=np.float32)

    def share_of_first(self, centre: NDArray[np.float32] | float = 0.0) -> float:
        """Return how much of the unit vector of the first `like` there is in that direction's unit vector."""
        length = float(np.linalg.norm(self._direction(centre))) or 1.0
        return float(self.like_weights[0] / self.like_weights.sum()) / length

    def _direction(self, centre: NDArray[np.float32] | float) -> NDArray[np.float32]:
        direction = _mean(self.like, self.like_weights, centre)
        if len(self.unlike):
            direction = direction - AGAINST * _mean(self.unlike, self.unlike_weights, centre)
        return direction


def _mean(
    vectors: Vectors, weights: NDArray[np.float32], centre: NDArray[np.float32] | float
) -> NDArray[np.float32]:
    units = normalise(vectors - centre)
    return np.asarray(weights @ units / weights.sum(), dtype=np.float32)
