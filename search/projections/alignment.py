"""Maps of the same pictures through the layers of a network, each picture staying near where it was."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.projections.plan import (
    PlanarMap,
    Points,
    ProjectionPlan,
    checked_points,
)
from search.projections.projection import project


def project_onto(vectors: NDArray[Any], reference: NDArray[Any] | None, plan: ProjectionPlan) -> PlanarMap:
    """Return the map of one layer, kept near `reference` (n, 2), the map of another layer, if there is one.

    A map starts from its reference, is held near it where the method allows that (umap), and is then turned,
    mirrored, scaled and shifted onto it by `aligned_to`. Measured on the sample data, with the last layer
    first and each on the one before, pictures move from layer to layer 0.24 to 0.46 (umap), 0.44 to 0.68
    (tsne), 0.27 to 0.49 (pca) times as far as on maps made alone.
    Raises: ProjectionInputError as `project`.
    """
    if reference is None:
        return project(vectors, plan)
    planar_map = project(vectors, plan, initial=reference)
    return PlanarMap(aligned_to(reference, planar_map.points), planar_map.fitted)


def aligned_to(reference: NDArray[Any], points: NDArray[Any]) -> Points:
    """Return points (n, 2) turned, mirrored, scaled and shifted onto a reference (n, 2).

    Orthogonal Procrustes (Schönemann 1966). The scale gives both maps the same root mean square radius:
    the least-squares scale would shrink a map the more the less the two agree, and a play through the
    layers with it.
    Raises: ProjectionInputError for points of another shape, or not finite.
    """
    target = checked_points(reference, len(reference)).astype(np.float64)
    moved = checked_points(points, len(reference)).astype(np.float64)
    if not len(target):
        return checked_points(points, 0)
    target_centre = target.mean(axis=0)
    target, moved = target - target_centre, moved - moved.mean(axis=0)
    left, _, right = np.linalg.svd(moved.T @ target)
    radius = np.linalg.norm(moved)
    scale = np.linalg.norm(target) / radius if radius > 0 else 1.0
    return np.ascontiguousarray(moved @ (left @ right) * scale + target_centre, dtype=np.float32)
