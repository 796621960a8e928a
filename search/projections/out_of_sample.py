"""Placing vectors on a map that stays as it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search.projections.neighbours import nearest
from search.projections.plan import Points
from search.types import Vectors

BISECTIONS = 32
MEDIAN_STEPS = 16
SAME_SQUARE = 1e-6  # of the mean squared distance to the neighbours; less is the same vector


def placed_among(points: Points, fitted: Vectors, new: Vectors, k: int) -> Points:
    """Return places (m, 2) for new vectors (m, d) on the map `points` (n, 2) of the fitted ones (n, d).

    A place is the geometric median of the places of the k nearest fitted vectors, weighted as UMAP weighs
    them: unlike the mean it stays with the larger part when the neighbours lie in two parts of the map,
    and does not land in the void between. A vector that is on the map already gets the same place.
    """
    k = min(k, len(fitted))
    rows, squares = nearest(fitted, new, k)
    places = points[rows].astype(np.float64)
    weights = membership(squares)
    at = np.einsum("mk,mkd->md", weights, places) / weights.sum(axis=1, keepdims=True)
    reach = places.std(axis=1).max(axis=1).clip(min=1e-12)[:, None]
    for _ in range(MEDIAN_STEPS):  # Weiszfeld 1937
        distances = np.linalg.norm(places - at[:, None], axis=2)
        pulls = weights / np.maximum(distances, 1e-3 * reach)
        at = np.einsum("mk,mkd->md", pulls, places) / pulls.sum(axis=1, keepdims=True)
    same = squares[:, 0] <= SAME_SQUARE * squares.mean(axis=1)
    at[same] = places[same, 0]
    return np.ascontiguousarray(at, dtype=np.float32)


def membership(squares: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return UMAP's membership strengths (m, k) of neighbours at squared distances (m, k), nearest first.

    exp(-(d - d of the nearest) / scale), the scale such that the strengths of a row add up to log2(k).
    McInnes, Healy and Melville 2018, algorithm 3.
    """
    beyond = np.sqrt(squares.astype(np.float64))
    beyond -= beyond[:, :1]
    wanted = np.log2(max(squares.shape[1], 2))
    low, high = np.zeros(len(squares)), beyond.max(axis=1).clip(min=1e-12) * 64
    for _ in range(BISECTIONS):
        scale = (low + high) / 2
        too_wide = np.exp(-beyond / scale[:, None]).sum(axis=1) > wanted
        high, low = np.where(too_wide, scale, high), np.where(too_wide, low, scale)
    return np.asarray(np.exp(-beyond / ((low + high) / 2)[:, None]), dtype=np.float64)


def placed_linearly(points: Points, fitted: Vectors, new: Vectors) -> Points:
    """Return places (m, 2) on a linear map `points` (n, 2) of vectors already on the map's axes, (n, c).

    The map may have been turned, scaled and shifted since: what was done to it is found by least squares.
    """
    known = np.hstack((fitted, np.ones((len(fitted), 1)))).astype(np.float64)
    turned, *_ = np.linalg.lstsq(known, points.astype(np.float64), rcond=None)
    asked = np.hstack((new, np.ones((len(new), 1)))).astype(np.float64)
    return np.asarray(asked @ turned, dtype=np.float32)
