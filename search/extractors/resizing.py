"""Pictures of any shape brought to the square that a network takes."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError
from gallery.imaging.resizing import resize
from search.types import RGB

DEFAULT_RESIZE = "ease"

Box: TypeAlias = tuple[float, float, float, float]  # x0, y0, x1, y1 as shares of a picture's sides
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


PAD_COLOUR = (255, 255, 255)  # what transparent pictures are laid on as well


LONGEST_ASPECT = 4 / 3


BACKGROUND_TOLERANCE = 12  # grey levels; JPEG blurs a plain border by a few


PLAIN_SHARE = 0.9


def resized(rgb: RGB, side: int, how: str) -> NDArray[np.uint8]:
    """Return a picture (h, w, 3) uint8 as a square (side, side, 3), antialiased.

    squash ignores the aspect ratio; ease does too, but first widens a long picture on a plain background with
    that background to 4:3; crop cuts the centre square out; pad adds white around.

    Raises:
        NotFoundError: `how` is none of the four.
    """
    from PIL import Image, ImageOps

    if how == "squash":
        return resize(rgb, side, side)
    if how == "ease":
        return _eased(rgb, side)
    if how not in ("crop", "pad"):
        raise NotFoundError(f"There is no resizing {how!r}; there are squash, ease, crop and pad.")
    image, size, method = Image.fromarray(rgb), (side, side), Image.Resampling.BICUBIC
    if how == "crop":
        return np.asarray(ImageOps.fit(image, size, method))
    return np.asarray(ImageOps.pad(image, size, method, color=PAD_COLOUR))


def square_over(rgb: RGB, side: int, how: str) -> Box:
    """Return where the square that `resized` makes lies over the picture, as shares of the picture's sides.

    It is smaller than the picture where that was cropped, and larger where background was added.

    Raises:
        NotFoundError: `how` is none of the four.
    """
    height, width, _ = rgb.shape
    if how == "squash" or (how == "ease" and plain_background(rgb) is None):
        return WHOLE
    if how == "ease":
        inner_width, inner_height = _eased_sides(width, height, side)
        across, along = side / inner_width, side / inner_height
    elif how == "crop":
        across, along = min(1.0, height / width), min(1.0, width / height)
    elif how == "pad":
        across, along = max(1.0, height / width), max(1.0, width / height)
    else:
        raise NotFoundError(f"There is no resizing {how!r}; there are squash, ease, crop and pad.")
    return (1 - across) / 2, (1 - along) / 2, (1 + across) / 2, (1 + along) / 2


def over_whole(square: Box, box: Box) -> Box:
    """Return where something lies over the whole, given as shares of the sides of the part in a box."""
    width, height = box[2] - box[0], box[3] - box[1]
    x0, y0, x1, y1 = square
    return box[0] + x0 * width, box[1] + y0 * height, box[0] + x1 * width, box[1] + y1 * height


def _eased_sides(width: int, height: int, side: int) -> tuple[int, int]:
    """Return the sides that a picture covers of the square, its shorter widened to 3/4 of the longer."""
    covers_x = min(1.0, LONGEST_ASPECT * width / height)
    covers_y = min(1.0, LONGEST_ASPECT * height / width)
    return max(1, round(side * covers_x)), max(1, round(side * covers_y))


def _eased(rgb: RGB, side: int) -> RGB:
    """Squash a picture with its longer side at most 4/3 of the other, the rest filled with its background."""
    height, width, _ = rgb.shape
    background = plain_background(rgb)
    if background is None:
        return resize(rgb, side, side)
    inner = _eased_sides(width, height, side)
    small = resize(rgb, *inner)
    square = np.empty((side, side, 3), dtype=np.uint8)
    square[:] = background
    left, top = (side - inner[0]) // 2, (side - inner[1]) // 2
    square[top : top + inner[1], left : left + inner[0]] = small
    return square


def plain_background(rgb: RGB) -> tuple[int, int, int] | None:
    """Return the colour that at least nine tenths of the outermost pixels share, or None."""
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    close = np.ones(len(border), dtype=np.bool_)
    colour = []
    for values in border.T:
        median = _median(values)
        close &= np.abs(values - np.float32(median)) <= BACKGROUND_TOLERANCE
        if np.count_nonzero(close) / len(close) < PLAIN_SHARE:
            return None
        colour.append(int(median))
    red, green, blue = colour
    return red, green, blue


def _median(values: NDArray[np.uint8]) -> float:
    """Return the median by counting, several times as fast as by sorting."""
    below = np.cumsum(np.bincount(values, minlength=256))
    half = len(values) // 2
    upper = int(np.searchsorted(below, half, side="right"))
    if len(values) % 2:
        return float(upper)
    return (int(np.searchsorted(below, half - 1, side="right")) + upper) / 2
