"""Turns feature maps (n, h, w, c) into one vector a picture (n, d), in plain numpy."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError, TooLargeError
from search.extractors import parts
from search.types import Vectors

Maps = NDArray[np.float32]  # (n, h, w, c)

MAX_FLATTEN_DIMS = 131_072  # half a megabyte a vector
GEM_POWER = 3.0
GEM_FLOOR = 1e-6  # the gradient floor of the paper; keeps negative values of linear layers out of the root


def average(maps: Maps) -> Vectors:
    """Return the mean over all places, (n, h, w, c) -> (n, c)."""
    return np.asarray(maps.mean(axis=(1, 2), dtype=np.float32))


def maximum(maps: Maps) -> Vectors:
    """Return the largest value over all places, (n, h, w, c) -> (n, c)."""
    return np.asarray(maps.max(axis=(1, 2)))


def gem(maps: Maps) -> Vectors:
    """Return the generalised mean with p = 3, (n, h, w, c) -> (n, c).

    Radenovic, Tolias and Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation", equation 2.
    """
    clipped = np.maximum(maps, GEM_FLOOR)
    mean = (clipped * clipped * clipped).mean(axis=(1, 2), dtype=np.float32)
    return np.asarray(mean ** (1.0 / GEM_POWER), dtype=np.float32)


def pyramid(maps: Maps) -> Vectors:
    """Return the averages of the whole map and its four quarters, unit length each, (n, h, w, c) -> (n, 5c).

    The order is whole, top left, top right, bottom left, bottom right. With an odd side the quarters share
    the middle row and column, so that all four have the same size and a mirrored picture swaps them exactly.
    Spatial pyramid: Lazebnik, Schmid and Ponce, "Beyond Bags of Features".
    """
    count, height, width, channels = maps.shape
    averages = pyramid_weights(height, width) @ maps.reshape(count, height * width, channels)
    return unit_length(averages.reshape(-1, channels)).reshape(count, -1)


@cache
def pyramid_weights(height: int, width: int) -> NDArray[np.float32]:
    """Return what each place counts in each of the five averages, (5, h * w)."""
    upper, left = -(-height // 2), -(-width // 2)
    weights = np.zeros((5, height, width), dtype=np.float32)
    rows, columns = (slice(upper), slice(height - upper, None)), (slice(left), slice(width - left, None))
    for part, (down, across) in enumerate([(slice(None), slice(None)), *product(rows, columns)]):
        weights[part, down, across] = 1
    weights /= weights.sum(axis=(1, 2), keepdims=True)
    return weights.reshape(5, -1)


def flatten(maps: Maps) -> Vectors:
    """Return every value of the map in row order, (n, h, w, c) -> (n, h * w * c)."""
    return np.ascontiguousarray(maps.reshape(len(maps), -1))


def unit_length(vectors: Vectors) -> Vectors:
    """Return the vectors scaled to length 1; a zero vector stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)


POOLINGS: dict[str, Callable[[Maps], Vectors]] = {
    "average": average,
    "max": maximum,
    "gem": gem,
    "pyramid": pyramid,
    "flatten": flatten,
}


def pooling(name: str) -> Callable[[Maps], Vectors]:
    """Return the pooling function of that name, which may be of a part of the map, as pyramid@left.

    Raises:
        NotFoundError: there is none.
    """
    whole, part = parts.divided(name)
    try:
        if part is None:
            return POOLINGS[whole]
        pool, box = POOLINGS[whole], parts.PARTS[part]
        return lambda maps: pool(parts.cut(maps, box))
    except KeyError:
        raise NotFoundError(f"There is no pooling {name!r}; there are {', '.join(POOLINGS)}.") from None


def pooled_dims(name: str, map_shape: tuple[int, int, int]) -> int:
    """Return the length of a pooled vector for a map of shape (h, w, c).

    Raises:
        TooLargeError: it would be flattened to more values than can be handled.
    """
    name, _ = parts.divided(name)
    height, width, channels = map_shape
    factors = {"pyramid": 5, "flatten": height * width}
    dims = channels * factors.get(name, 1)
    if name == "flatten" and dims > MAX_FLATTEN_DIMS:
        raise TooLargeError(
            f"Flattened, a map of {height} x {width} x {channels} has {dims:,} values; at most "
            f"{MAX_FLATTEN_DIMS:,} are taken. Choose a later layer or another pooling."
        )
    return dims
