"""Choosing the vectors a large map is fitted on."""

from __future__ import annotations

import numpy as np

from search.projections.neighbours import nearest
from search.types import Ids, Vectors

CELLS = 256
LEARNED_PER_CELL = 64
LEAST_PER_CELL = 32  # twice UMAP's usual neighbours: a rare kind of picture keeps a shape of its own


def covering_sample(vectors: Vectors, size: int, seed: int) -> Ids:
    """Return `size` rows, ascending, of (n, d) vectors that cover them all.

    The vectors are divided into 256 cells by k-means; every cell gives at least 32 of its own (or all it
    has), the rest is drawn from the cells in proportion. A plain random sample would lose the rare kinds;
    farthest points would be the outliers and lose the density.
    """
    if size >= len(vectors):
        return np.arange(len(vectors), dtype=np.int64)
    random = np.random.default_rng(seed)
    cells = _cells(vectors, seed)
    shuffled = random.permutation(len(vectors))
    by_cell = shuffled[np.argsort(cells[shuffled], kind="stable")]
    sizes = np.bincount(cells, minlength=CELLS)
    # The rank of each vector within its cell, in the shuffled order.
    rank = np.arange(len(vectors)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    least = min(LEAST_PER_CELL, size // CELLS)
    # Those of the first ranks come first, the others as their rank's share of the cell: in proportion.
    urgency = np.where(rank < least, -1.0, rank / np.repeat(sizes, sizes).clip(min=1))
    chosen = by_cell[np.argsort(urgency, kind="stable")[:size]]
    return np.sort(chosen).astype(np.int64)


def _cells(vectors: Vectors, seed: int) -> Ids:
    """Return the cell (n,) of each vector."""
    import faiss

    learned = min(len(vectors), CELLS * LEARNED_PER_CELL)
    sample = np.random.default_rng(seed).choice(len(vectors), learned, replace=False)
    kmeans = faiss.Kmeans(vectors.shape[1], CELLS, niter=10, seed=seed, min_points_per_centroid=1)
    kmeans.train(np.ascontiguousarray(vectors[np.sort(sample)]))
    centres = np.asarray(kmeans.centroids, dtype=np.float32)
    return np.asarray(nearest(centres, vectors, 1)[0][:, 0], dtype=np.int64)
