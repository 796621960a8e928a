"""Cuts many feature vectors out of one pass of the network: the pooled and reduced windows of its map."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from search.extractors.pca.components import PCA
from search.types import Vectors

Maps = NDArray[np.float32]  # (n, s, s, c)
Window = tuple[int, int, int, int]  # top, left, height, width in places of the map

PARTS = 5  # of the pyramid: the whole and its four quarters
MIRRORED_PARTS = (0, 2, 1, 4, 3)  # a mirrored picture swaps left and right
SIDE = 9  # of the map of EfficientNet-Lite2 at 260 pixels
# The whole, its four corners at two sizes, and at a smaller scale nine squares and six bars. But for the
# larger corners, no two of them share half of what they cover together.
WINDOWS: tuple[Window, ...] = (
    (0, 0, 9, 9),
    *((top, left, 7, 7) for top in (0, 2) for left in (0, 2)),
    *((top, left, 6, 6) for top in (0, 3) for left in (0, 3)),
    *((top, left, 4, 4) for top in (0, 2, 5) for left in (0, 2, 5)),
    *((top, 0, 4, 9) for top in (0, 2, 5)),
    *((0, left, 9, 4) for left in (0, 2, 5)),
)


def tile_vectors(maps: Maps, pca: PCA) -> Vectors:
    """Return the vectors of every window of maps (n, 9, 9, c) and of their mirror images.

    Each is what the live configuration makes of a map (the pyramid of pooling.py, then the reduction), of the
    window alone; (n, 2 * windows, d) float32, those of the mirror images last.
    """
    flat = maps.reshape(len(maps), SIDE * SIDE, -1)
    parts = _averaging() @ flat  # (n, windows * 5, c)
    lengths = np.linalg.norm(parts, axis=2, keepdims=True)
    parts /= np.where(lengths > 0, lengths, 1)
    pyramids = parts.reshape(len(maps), len(WINDOWS), PARTS, -1)
    both = np.concatenate([pyramids, pyramids[:, :, MIRRORED_PARTS]], axis=1)
    reduced = pca.apply(both.reshape(len(maps) * both.shape[1], -1))
    return reduced.reshape(len(maps), both.shape[1], -1)


@cache
def _averaging() -> NDArray[np.float32]:
    """Return what averages the parts of all windows, (windows * 5, 81) float32."""
    rows = np.zeros((len(WINDOWS) * PARTS, SIDE, SIDE), dtype=np.float32)
    parts = [part for window in WINDOWS for part in pyramid_parts(window)]
    for row, (top, left, height, width) in zip(rows, parts, strict=True):
        row[top : top + height, left : left + width] = 1 / (height * width)
    return rows.reshape(len(rows), SIDE * SIDE)


def pyramid_parts(window: Window) -> tuple[Window, ...]:
    """Return a window and its quarters, which share the middle row and column where its side is odd."""
    top, left, height, width = window
    upper, nearer = -(-height // 2), -(-width // 2)
    lower, farther = top + height - upper, left + width - nearer
    return (
        window,
        (top, left, upper, nearer),
        (top, farther, upper, nearer),
        (lower, left, upper, nearer),
        (lower, farther, upper, nearer),
    )


def distinct(vectors: Vectors, most: float) -> NDArray[np.intp]:
    """Return the places of vectors (n, d), in order, whose cosine with each kept before is below `most`."""
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    similar = units @ units.T >= most
    kept = np.zeros(len(vectors), dtype=bool)
    for place, row in enumerate(similar):
        kept[place] = not (row & kept).any()
    return np.flatnonzero(kept)
