"""A map of vectors: a point in the plane for each, what is alike near."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.projections import projection
from search.projections.plan import ProjectionPlan


def project(
    vectors: NDArray[Any],
    method: str = "umap",
    *,
    metric: str = "cosine",
    seed: int = 42,
    **parameters: float,
) -> NDArray[np.float32]:
    """Return the points (n, 2) float32 of vectors (n, d), by umap, tsne or pca.

    `parameters` are neighbours and min_dist of umap, and perplexity of tsne. The same seed gives the same map
    on the same machine.

    Raises: ProjectionInputError for what no map is made of; a value out of range, NaN.
    """
    plan = ProjectionPlan(method=method, metric=metric, seed=seed, **parameters)  # type: ignore[arg-type]
    with warnings.catch_warnings():
        # what umap-learn imports misses widgets of notebooks, which nobody asked for
        warnings.filterwarnings("ignore", message="IProgress not found")
        return projection.project(vectors, plan).points
