"""Says what each cell of a feature map contributes to a score: shares that add up to the score exactly.

Every score here is, for one of the two vectors v (d,) held against the other, a linear function of it:
score = direction . v + constant (`LinearScore`). A vector is made of a map F (h, w, c) by pooling, and maybe
by a PCA with components C, v = C' pool(F), so that score = (C direction) . pool(F) + constant. What remains
is to share a weighted sum of pooled values out among the cells, which every pooling allows (`pooled_shares`).
What belongs to no place, the constant, is spread evenly over the cells.

Sources: Stylianou, Souvenir and Pless, "Visualizing Deep Similarity Networks" (arXiv:1901.00536), for average
and max pooling; the others follow from Euler's theorem on homogeneous functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError
from search.extractors.pooling import GEM_FLOOR, pooling, pyramid_weights

Map = NDArray[np.float32]  # (h, w, c)
Shares = NDArray[np.float64]  # (h, w)
Cells = NDArray[np.float64]  # (n, c), the cells of a map in row order

MOST_A_SIDE = 32  # cells that are told of a map; finer ones are put together


@dataclass(frozen=True)
class LinearScore:
    """A score as a function of one vector v (d,): `direction` (d,) . v + `constant`."""

    direction: NDArray[np.float64]
    constant: float = 0.0

    def of(self, vector: NDArray[Any]) -> float:
        """Return the score of a vector (d,)."""
        return float(self.direction @ vector.astype(np.float64)) + self.constant


def centred_cosine(other: NDArray[Any], vector: NDArray[Any], centre: NDArray[Any]) -> LinearScore:
    """Return the score other . (v - centre) / |vector - centre|, where `other` (d,) is of unit length.

    For v = `vector` this is the cosine; the length is held fixed.
    """
    unit = other.astype(np.float64)
    length = float(np.linalg.norm(vector.astype(np.float64) - centre)) or 1.0
    return LinearScore(unit / length, -float(unit @ centre.astype(np.float64)) / length)


def between(metric: str, vector: NDArray[Any], other: NDArray[Any]) -> LinearScore:
    """Return the score of `vector` (d,) by a metric of experiments, `other` (d,) held fixed.

    Distances are negative: higher is nearer. With u = (v - o) / |v - o| the Euclidean one is -u . v + u . o,
    and with the signs of v - o in place of u that is the Manhattan one.

    Raises: NotFoundError, where there is no such metric.
    """
    v, o = vector.astype(np.float64), other.astype(np.float64)
    if metric == "inner_product":
        return LinearScore(o)
    if metric == "cosine":
        return LinearScore(o / ((float(np.linalg.norm(o)) or 1.0) * (float(np.linalg.norm(v)) or 1.0)))
    if metric == "euclidean":
        away = (v - o) / (float(np.linalg.norm(v - o)) or 1.0)
    elif metric == "manhattan":
        away = np.sign(v - o)
    else:
        raise NotFoundError(f"There is no metric {metric!r} whose scores could be shared out.")
    return LinearScore(-away, float(away @ o))


def cell_shares(
    feature_map: Map, pooling_name: str, score: LinearScore, components: NDArray[np.float32] | None = None
) -> Shares:
    """Return the share (h, w) of each cell of a map (h, w, c) in a score; they add up to it.

    `components` (d_pooled, d) reduce the pooled vector, where anything does.

    Raises: NotFoundError, where there is no such pooling.
    """
    direction: NDArray[Any] = score.direction
    if components is not None:  # in their own precision: they are not copied for it
        direction = components @ direction.astype(components.dtype)
    shares = pooled_shares(feature_map, pooling_name, direction)
    return shares + score.constant / shares.size


def pooled_shares(feature_map: Map, pooling_name: str, direction: NDArray[Any]) -> Shares:
    """Return the shares (h, w) of the cells in direction . pool(map), for a direction (d_pooled,).

    Raises: NotFoundError, where there is no such pooling.
    """
    pooling(pooling_name)
    height, width, channels = feature_map.shape
    cells = feature_map.reshape(-1, channels).astype(np.float64)
    shares = _SHARES[pooling_name](cells, (height, width), direction.astype(np.float64))
    return shares.reshape(height, width)


def _average(cells: Cells, sides: tuple[int, int], direction: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(cells @ direction / len(cells))


def _maximum(cells: Cells, sides: tuple[int, int], direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """A channel is of the cells where it is largest, of several equally."""
    largest = cells.max(axis=0)
    holders = cells == largest
    return np.asarray(holders @ (direction * largest / holders.sum(axis=0)))


def _gem(cells: Cells, sides: tuple[int, int], direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """A channel is of the cells in proportion to the cubes of which it is the mean."""
    cubes = np.maximum(cells, GEM_FLOOR) ** 3
    sums = cubes.sum(axis=0)
    return np.asarray(cubes @ (direction * np.cbrt(sums / len(cells)) / sums))


def _pyramid(cells: Cells, sides: tuple[int, int], direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """As averages of the whole and of four quarters, each by its length."""
    weights = pyramid_weights(*sides).astype(np.float64)
    lengths = np.linalg.norm(weights @ cells, axis=1)
    by_part = cells @ direction.reshape(5, -1).T
    return np.asarray(np.einsum("pn,np,p->n", weights, by_part, 1 / np.where(lengths > 0, lengths, 1)))


def _flatten(cells: Cells, sides: tuple[int, int], direction: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.einsum("nc,nc->n", cells, direction.reshape(cells.shape)))


_SHARES: dict[str, Callable[[Cells, tuple[int, int], NDArray[np.float64]], NDArray[np.float64]]] = {
    "average": _average,
    "max": _maximum,
    "gem": _gem,
    "pyramid": _pyramid,
    "flatten": _flatten,
}


def coarser(shares: Shares, most: int = MOST_A_SIDE) -> Shares:
    """Return the shares of at most `most` cells a side, neighbours put together: the sum stays."""
    for axis, side in enumerate(shares.shape):
        if side > most:
            shares = np.add.reduceat(shares, np.arange(most) * side // most, axis=axis)
    return shares
