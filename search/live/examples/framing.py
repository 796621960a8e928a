"""The part of an image that is searched with: its pixels, and where it lies in the whole."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gallery.errors import SemsearchError
from search.extractors.resizing import Box
from search.types import RGB, FeatureConfig

LEAST_SIDE = 8  # pixels of the image itself: nothing is to be seen in fewer
KEPT_VECTORS = 1000  # of a process; 2 MB of the default configuration


class TooSmallPartError(SemsearchError):
    """A part of an image holds next to nothing."""

    code = "invalid"


def cropped(rgb: RGB, box: Box) -> RGB:
    """Return the pixels (h, w, 3) uint8 of a part of an upright image, to the nearest pixel, one at least.

    They are a view of the whole, which may be large.
    """
    height, width, _ = rgb.shape
    left, right = _between(box[0], box[2], width)
    top, bottom = _between(box[1], box[3], height)
    return rgb[top:bottom, left:right]


def _between(low: float, high: float, side: int) -> tuple[int, int]:
    first = min(round(low * side), side - 1)
    return first, max(first + 1, round(high * side))


def require_large(box: Box, width: int, height: int) -> None:
    """Refuse a part of an image of this size that is too small. Raises: TooSmallPartError."""
    across, along = (box[2] - box[0]) * width, (box[3] - box[1]) * height
    if min(across, along) < min(LEAST_SIDE, width, height):
        raise TooSmallPartError(
            f"The part to search with is {across:.0f} x {along:.0f} pixels of {width} x {height}: "
            f"{LEAST_SIDE} a side are the least. Draw a larger box."
        )


def decoded_side(side: int | None, box: Box | None) -> int | None:
    """Return how long the shorter side of the whole has to be decoded for a part with `side` pixels."""
    if side is None or box is None:
        return side
    return math.ceil(side / min(box[2] - box[0], box[3] - box[1]))


_Key = tuple[str, Box, FeatureConfig]
_kept: OrderedDict[_Key, NDArray[np.float32]] = OrderedDict()
_lock = threading.Lock()


def kept_vector(
    sha256: str, box: Box, config: FeatureConfig, make: Callable[[], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return the vector (d,) of a part of a stored file, made where it is not among those used last.

    The database has those of whole images; every page of a search with a part would run the network again.
    """
    key = (sha256, box, config)
    with _lock:
        found = _kept.get(key)
        if found is not None:
            _kept.move_to_end(key)
            return found
    made = make()
    with _lock:
        _kept[key] = made
        while len(_kept) > KEPT_VECTORS:
            _kept.popitem(last=False)
    return made
