"""Parts of an image that are told apart on its feature map, and how a pooling that looks at one is called."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.extractors.resizing import WHOLE, Box

# Halves and quarters, as shares of the sides of what the network sees
PARTS: dict[str, Box] = {
    "left": (0.0, 0.0, 0.5, 1.0),
    "right": (0.5, 0.0, 1.0, 1.0),
    "top": (0.0, 0.0, 1.0, 0.5),
    "bottom": (0.0, 0.5, 1.0, 1.0),
    "top-left": (0.0, 0.0, 0.5, 0.5),
    "top-right": (0.5, 0.0, 1.0, 0.5),
    "bottom-left": (0.0, 0.5, 0.5, 1.0),
    "bottom-right": (0.5, 0.5, 1.0, 1.0),
}
# How much nearer than all of an image a part has to be: of many parts one is near by chance, the smaller, the
# sooner. Chosen in docs/explanation/lab/regions.md
LEADS = dict.fromkeys(PARTS, 0.1) | dict.fromkeys(("left", "right", "top", "bottom"), 0.05)
# Poolings of which a part can be taken: flattened, it would have fewer numbers than the whole
DIVISIBLE = ("average", "max", "gem", "pyramid")
MARK = "@"


def box_of(name: str) -> Box:
    """Return where a part lies in what the network sees; the empty name is all of it."""
    return PARTS[name] if name else WHOLE


def pooling_of_part(pooling: str, part: str) -> str:
    """Return what the pooling of a part is called, as pyramid@left."""
    return f"{pooling}{MARK}{part}"


def divided(pooling: str) -> tuple[str, str | None]:
    """Return a pooling without its part, and the part, None for that of the whole map."""
    name, mark, part = pooling.partition(MARK)
    return name, part if mark else None


def cut(maps: NDArray[Any], box: Box) -> NDArray[Any]:
    """Return the cells of maps (…, h, w, c) that a box touches: halves of an odd side share its middle."""
    height, width = maps.shape[-3:-1]
    left, right = math.floor(box[0] * width), math.ceil(box[2] * width)
    top, bottom = math.floor(box[1] * height), math.ceil(box[3] * height)
    return np.ascontiguousarray(maps[..., top:bottom, left:right, :])


def of_image(part: str) -> Box:
    """Return where a part lies in the image.

    What the network sees is centred on the image: of halves and quarters only the outer edges, which end with
    the image, may lie elsewhere.
    """
    return PARTS[part]
