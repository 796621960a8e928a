"""Groups of vectors that nobody has labelled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.projections.neighbours import nearest
from search.projections.pca import principal_space
from search.projections.plan import ProjectionInputError, checked_vectors
from search.types import Ids, Vectors

COMPONENTS = 32
LEAST, MOST = 2, 24  # clusters tried; more colours than that cannot be told apart
FEWEST_VECTORS = 10
LEARNED_FROM = 5_000
JUDGED_BY = 1_500
RESTARTS = 4


def clusters(vectors: NDArray[Any], *, metric: str = "cosine", seed: int = 42, most: int = MOST) -> Ids:
    """Return the cluster (n,) of each of (n, d) vectors, numbered from 0, the largest first.

    k-means on the first 32 principal components, for 2 to `most` clusters but no more than the root of n / 2
    (Mardia, Kent and Bibby 1979; the silhouette alone would go on to pairs); the number with the highest
    mean silhouette (Rousseeuw 1987) is taken, the smaller one of equals. Learned from at most 5,000
    vectors, the others join the nearest centre. Vectors of the full space rather than places on a map are
    clustered, so that all maps of a dataset show the same groups. Fewer than ten vectors, or equal ones,
    are one cluster.
    Raises: ProjectionInputError for vectors of the wrong shape, or not finite, or `most` below 2.
    """
    if most < LEAST:
        raise ProjectionInputError(f"At least {LEAST} clusters must be allowed.")
    rows = checked_vectors(vectors)
    if len(rows) < FEWEST_VECTORS:
        return np.zeros(len(rows), dtype=np.int64)
    rotated = principal_space(rows, metric, COMPONENTS, seed=seed).rotate(rows)
    random = np.random.default_rng(seed)
    learned = rotated[np.sort(random.permutation(len(rotated))[:LEARNED_FROM])]
    distinct = len(np.unique(learned, axis=0))
    if distinct < LEAST:
        return np.zeros(len(rows), dtype=np.int64)
    centres = _best_centres(learned, min(most, int((len(rows) / 2) ** 0.5), distinct), seed)
    found = nearest(centres, rotated, 1)[0][:, 0]
    return _largest_first(found)


def _best_centres(learned: Vectors, most: int, seed: int) -> Vectors:
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    best_score, best = -np.inf, learned[:1]
    for count in range(LEAST, most + 1):
        kmeans = KMeans(count, n_init=RESTARTS, random_state=seed).fit(learned)
        size = min(JUDGED_BY, len(learned))
        try:
            score = silhouette_score(learned, kmeans.labels_, sample_size=size, random_state=seed)
        except ValueError:  # as many clusters as vectors asked: no silhouette
            continue
        if score > best_score:
            best_score, best = score, kmeans.cluster_centers_
    return np.ascontiguousarray(best, dtype=np.float32)


def _largest_first(found: Ids) -> Ids:
    _, numbers, sizes = np.unique(found, return_inverse=True, return_counts=True)
    order = np.argsort(-sizes, kind="stable")
    renumbered = np.empty_like(order)
    renumbered[order] = np.arange(len(order))
    return np.asarray(renumbered[numbers], dtype=np.int64)
