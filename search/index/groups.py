"""Divides the vectors of some hits into a few groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search.types import Vectors

FEWEST, MOST = 3, 5  # groups
SMALLEST = 12  # vectors that are divided at all
CLEAR = 0.05  # the silhouette from which the groups are told apart; less is one cloud


def groups(units: Vectors) -> list[NDArray[np.int64]]:
    """Return the rows of each of three to five groups of unit vectors (n, d), the largest first.

    Ward's method, in which the groups that grow least apart by it are joined (Ward 1963); of the numbers of
    groups the one with the highest mean silhouette. None where there are fewer than twelve vectors, or no
    number divides them clearly. Nothing is drawn by lot.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    best_score, best = CLEAR, np.zeros(0, dtype=np.int64)
    if len(units) < SMALLEST:
        return []
    distances = np.maximum(0.0, 1.0 - units @ units.T)
    tree = linkage(units, "ward")
    for count in range(FEWEST, MOST + 1):
        found = np.asarray(fcluster(tree, count, "maxclust"), dtype=np.int64)
        score = silhouette(distances, found)
        if score > best_score:
            best_score, best = score, found
    rows = [np.flatnonzero(best == number) for number in np.unique(best)]
    return sorted(rows, key=lambda own: (-len(own), int(own[0])))


def silhouette(distances: NDArray[np.float32], found: NDArray[np.int64]) -> float:
    """Return the mean silhouette of groups `found` (n,) by distances (n, n); that of a group of one is 0.

    Source: Rousseeuw, "Silhouettes", Journal of Computational and Applied Mathematics 20, 1987.
    """
    numbers, own = np.unique(found, return_inverse=True)
    if len(numbers) < 2:
        return 0.0
    member = own[:, None] == np.arange(len(numbers))
    sizes = member.sum(axis=0)
    sums = distances @ member.astype(np.float32)
    rows = np.arange(len(found))
    within = sums[rows, own] / np.maximum(1, sizes[own] - 1)
    others = sums / sizes
    others[rows, own] = np.inf
    beyond = others.min(axis=1)
    widths = np.where(sizes[own] > 1, (beyond - within) / np.maximum(np.maximum(within, beyond), 1e-9), 0.0)
    return float(widths.mean())
