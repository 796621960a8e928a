"""Makes maps of vectors and places new vectors on them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.projections.out_of_sample import placed_among, placed_linearly
from search.projections.pca import KEPT, principal_space
from search.projections.plan import (
    PlanarMap,
    Points,
    ProjectionInputError,
    ProjectionPlan,
    checked_points,
    checked_vectors,
)
from search.projections.stratified_sample import covering_sample
from search.projections.tsne_map import tsne_points
from search.projections.umap_map import umap_points
from search.types import Vectors

FEW = 4  # fewer vectors have no neighbourhoods to keep: their map is their two principal components


def project(vectors: NDArray[Any], plan: ProjectionPlan, *, initial: NDArray[Any] | None = None) -> PlanarMap:
    """Return a map of vectors (n, d): float32 or what converts to it.

    Maps start from the first two principal components, or from `initial` (n, 2), another map of the same
    pictures: umap also anchors the points near it a little, pca has no start. Above the plan's limit a map is
    fitted on a covering sample and the rest is placed among it. Fewer than four vectors are laid out by
    PCA whatever the method; equal vectors get places close together; none get an empty map.
    Raises: ProjectionInputError for vectors or `initial` of the wrong shape, or not finite.
    """
    rows = checked_vectors(vectors)
    reference = None if initial is None else checked_points(initial, len(rows))
    if not len(rows):
        return PlanarMap(np.empty((0, 2), dtype=np.float32), 0)
    linear = plan.method == "pca" or len(rows) < FEW
    rotated = principal_space(rows, plan.metric, 2 if linear else KEPT, seed=plan.seed).rotate(rows)
    if linear:
        return PlanarMap(_first_two(rotated), len(rows))
    start = _first_two(rotated) if reference is None else reference
    sample = covering_sample(rotated, plan.most_fitted or len(rows), plan.seed)
    fitted = _fitted(
        np.ascontiguousarray(rotated[sample]), plan, start[sample], anchored=reference is not None
    )
    if len(sample) == len(rows):
        return PlanarMap(fitted, len(rows))
    rest = np.setdiff1d(np.arange(len(rows)), sample, assume_unique=True)
    points = np.empty((len(rows), 2), dtype=np.float32)
    points[sample] = fitted
    points[rest] = placed_among(fitted, rotated[sample], rotated[rest], plan.neighbours)
    return PlanarMap(points, len(sample))


def place(
    new_vectors: NDArray[Any],
    vectors: NDArray[Any],
    points: NDArray[Any],
    plan: ProjectionPlan,
) -> Points:
    """Return places (m, 2) for new vectors (m, d) on the map `points` (n, 2) of `vectors` (n, d), unmoved.

    Raises: ProjectionInputError for wrong shapes, values that are not finite, or a map of nothing.
    """
    new, old = checked_vectors(new_vectors), checked_vectors(vectors)
    places = checked_points(points, len(old))
    if new.shape[1] != old.shape[1]:
        raise ProjectionInputError(
            f"The map is of vectors of {old.shape[1]} dimensions, the new ones have {new.shape[1]}: "
            "use the features the map was made from."
        )
    if not len(old):
        raise ProjectionInputError("There is no map to place anything on: make one first.")
    linear = plan.method == "pca" or len(old) < FEW
    space = principal_space(old, plan.metric, 2 if linear else KEPT, seed=plan.seed)
    if linear:
        return placed_linearly(places, space.rotate(old), space.rotate(new))
    return placed_among(places, space.rotate(old), space.rotate(new), plan.neighbours)


def _fitted(rotated: Vectors, plan: ProjectionPlan, start: Points, *, anchored: bool) -> Points:
    if plan.method == "umap":
        return umap_points(rotated, plan, start, anchored=anchored)
    return tsne_points(rotated, plan, start)


def _first_two(rotated: Vectors) -> Points:
    """Return the first two axes, the second zero where vectors have only one."""
    points = np.zeros((len(rotated), 2), dtype=np.float32)
    axes = min(2, rotated.shape[1])
    points[:, :axes] = rotated[:, :axes]
    return points
