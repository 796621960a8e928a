"""What a map is made of and what comes out: plain values, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gallery.errors import SemsearchError
from search.types import Vectors

Points: TypeAlias = NDArray[np.float32]  # (n, 2), contiguous

METHODS = ("umap", "tsne", "pca")
METRICS = ("cosine", "euclidean")
# Above these a map is fitted on a covering sample and the rest is placed: about a minute's work on two cores.
FIT_LIMITS = {"umap": 50_000, "tsne": 10_000}
LARGEST_NEIGHBOURS = 200
LARGEST_PERPLEXITY = 100.0
LARGEST_SEED = 2**31 - 1


class ProjectionInputError(SemsearchError, ValueError):
    """Vectors, points or a plan that no map can be made from."""

    code = "projection_input"
    status = 422


@dataclass(frozen=True)
class ProjectionPlan:
    """How to make a map; the same plan and vectors give the same map on the same machine.

    `neighbours` (UMAP's n_neighbors, the point itself counted) and `min_dist` concern umap, `perplexity`
    tsne; both are lowered where there are too few vectors. `fit_limit` is the most vectors a map is fitted
    on, 0 for the method's own limit.
    Raises: ProjectionInputError for a value out of range.
    """

    method: str = "umap"
    metric: str = "cosine"
    neighbours: int = 15
    min_dist: float = 0.1
    perplexity: float = 30.0
    seed: int = 42
    fit_limit: int = 0

    def __post_init__(self) -> None:
        """Refuse what no method can use."""
        _require(self.method in METHODS, f"There is no method {self.method!r}; there are {_listed(METHODS)}.")
        _require(self.metric in METRICS, f"There is no metric {self.metric!r}; there are {_listed(METRICS)}.")
        _require(2 <= self.neighbours <= LARGEST_NEIGHBOURS, f"Neighbours must be 2 to {LARGEST_NEIGHBOURS}.")
        _require(0 <= self.min_dist <= 0.99, "The least distance (min_dist) must be 0 to 0.99.")
        _require(
            2 <= self.perplexity <= LARGEST_PERPLEXITY, f"Perplexity must be 2 to {LARGEST_PERPLEXITY:g}."
        )
        _require(0 <= self.seed <= LARGEST_SEED, f"The seed must be 0 to {LARGEST_SEED}.")
        _require(
            self.fit_limit == 0 or self.fit_limit >= 100, "The fit limit must be at least 100, or 0 for none."
        )

    @property
    def most_fitted(self) -> int | None:
        """Return the most vectors a map is fitted on, or None where there is no limit."""
        return None if self.method == "pca" else self.fit_limit or FIT_LIMITS[self.method]


@dataclass(frozen=True)
class PlanarMap:
    """A map: `points` (n, 2) float32, one for each vector; fitted on `fitted` of them, the rest placed."""

    points: Points
    fitted: int


def checked_vectors(vectors: NDArray[Any]) -> Vectors:
    """Return vectors as contiguous (n, d) float32, not copied where they are that already.

    Raises: ProjectionInputError for another shape, no dimensions, or NaN or infinite values.
    """
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    _require(
        rows.ndim == 2 and rows.shape[1] > 0, f"Vectors must have the shape (n, d), not {np.shape(vectors)}."
    )
    # A sum is finite only when all its terms are, but may overflow when they are: only then look at each.
    with np.errstate(over="ignore", invalid="ignore"):
        suspects = np.flatnonzero(~np.isfinite(rows.sum(axis=1)))
    bad = [row for row in suspects if not np.isfinite(rows[row]).all()]
    _require(
        not bad,
        f"{len(bad)} vector(s) hold NaN or infinite values, the first in row {bad[0] if bad else 0}: "
        "extract the features again.",
    )
    return rows


def checked_points(points: NDArray[Any], count: int) -> Points:
    """Return the points of a map as contiguous (count, 2) float32.

    Raises: ProjectionInputError for another shape, or NaN or infinite values.
    """
    places = np.ascontiguousarray(points, dtype=np.float32)
    _require(
        places.shape == (count, 2),
        f"A map of {count} vectors has points of the shape ({count}, 2), not {places.shape}.",
    )
    _require(bool(np.isfinite(places).all()), "The map holds NaN or infinite places: make it again.")
    return places


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ProjectionInputError(otherwise)


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
