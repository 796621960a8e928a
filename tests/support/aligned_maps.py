"""What maps of a network's layers are compared with: all of them in memory, and how far pictures move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.projections.alignment import project_onto
from search.projections.plan import PlanarMap, ProjectionPlan, checked_points


def project_aligned(layers: Sequence[NDArray[Any]], plan: ProjectionPlan) -> list[PlanarMap]:
    """Return a map of each layer's vectors (n, d_i), row i the same picture in all, in their order.

    The last layer's map is made alone, every earlier one onto that of the next layer.
    """
    planar_maps: list[PlanarMap] = []
    for vectors in reversed(layers):
        planar_maps.append(project_onto(vectors, planar_maps[-1].points if planar_maps else None, plan))
    return planar_maps[::-1]


def displacement(before: NDArray[Any], after: NDArray[Any]) -> float:
    """Return how far the points of two maps (n, 2) lie apart on average.

    The unit is the root mean square radius of the first map: 0 when every picture stays where
    it was, about 1.3 for two maps of one size that know nothing of each other. 0 for no points.
    """
    first = checked_points(before, len(before)).astype(np.float64)
    second = checked_points(after, len(before)).astype(np.float64)
    radius = float(np.sqrt(((first - first.mean(axis=0)) ** 2).sum(axis=1).mean())) if len(first) else 0.0
    if radius == 0:
        return 0.0
    return float(np.linalg.norm(first - second, axis=1).mean() / radius)
