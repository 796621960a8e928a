"""Pictures of any shape brought to the square that a network takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError
from gallery.imaging.resizing import part_by_pillow, resize
from search.types import RGB

DEFAULT_RESIZE = "ease"

Box: TypeAlias = tuple[float, float, float, float]  # x0, y0, x1, y1 as shares of a picture's sides
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


PAD_COLOUR = (255, 255, 255)  # what transparent pictures are laid on as well


LONGEST_ASPECT = 4 / 3


BACKGROUND_TOLERANCE = 12  # grey levels; JPEG blurs a plain border by a few


PLAIN_SHARE = 0.9


@dataclass(frozen=True)
class Square:
    """What a network takes of a picture: pixels (s, s, 3) uint8, and where they lie over the picture.

    The place is given as shares of the sides. It is smaller than the picture where that was cropped, and
    larger where background was added.
    """

    pixels: NDArray[np.uint8]
    over: Box


def resized(rgb: RGB, side: int, how: str) -> NDArray[np.uint8]:
    """Return a picture (h, w, 3) uint8 as a square (side, side, 3), antialiased. Raises: as `square`."""
    return square(rgb, side, how).pixels


def square(rgb: RGB, side: int, how: str) -> Square:
    """Return a picture (h, w, 3) uint8 as a square (side, side, 3), antialiased, and where that lies over it.

    squash ignores the aspect ratio; ease does too, but first widens a long picture on a plain background with
    that background to 4:3; crop cuts the centre square out; pad adds white around.

    Raises:
        NotFoundError: `how` is none of the four.
    """
    if how == "squash":
        return Square(resize(rgb, side, side), WHOLE)
    if how == "ease":
        return _eased(rgb, side)
    if how not in ("crop", "pad"):
        raise NotFoundError(f"There is no resizing {how!r}; there are squash, ease, crop and pad.")
    return _cropped(rgb, side) if how == "crop" else _padded(rgb, side)


def over_whole(square: Box, box: Box) -> Box:
    """Return where something lies over the whole, given as shares of the sides of the part in a box."""
    width, height = box[2] - box[0], box[3] - box[1]
    x0, y0, x1, y1 = square
    return box[0] + x0 * width, box[1] + y0 * height, box[0] + x1 * width, box[1] + y1 * height


def _around_the_middle(across: float, along: float) -> Box:
    return (1 - across) / 2, (1 - along) / 2, (1 + across) / 2, (1 + along) / 2


def _cropped(rgb: RGB, side: int) -> Square:
    """Return the middle of a picture as Pillow's `ImageOps.fit` does."""
    height, width, _ = rgb.shape
    least = min(height, width)
    left, top = (width - least) / 2, (height - least) / 2
    pixels = part_by_pillow(rgb, side, side, (left, top, left + least, top + least))
    return Square(pixels, _around_the_middle(min(1.0, height / width), min(1.0, width / height)))


def _padded(rgb: RGB, side: int) -> Square:
    """Return a picture in the middle of a square as Pillow's `ImageOps.pad` does."""
    height, width, _ = rgb.shape
    across, along = round(side * min(1.0, width / height)), round(side * min(1.0, height / width))
    pixels = np.empty((side, side, 3), dtype=np.uint8)
    pixels[:] = PAD_COLOUR
    if across and along:
        left, top = round((side - across) / 2), round((side - along) / 2)
        pixels[top : top + along, left : left + across] = part_by_pillow(rgb, across, along)
    return Square(pixels, _around_the_middle(max(1.0, height / width), max(1.0, width / height)))


def _eased_sides(width: int, height: int, side: int) -> tuple[int, int]:
    """Return the sides that a picture covers of the square, its shorter widened to 3/4 of the longer."""
    covers_x = min(1.0, LONGEST_ASPECT * width / height)
    covers_y = min(1.0, LONGEST_ASPECT * height / width)
    return max(1, round(side * covers_x)), max(1, round(side * covers_y))


def _eased(rgb: RGB, side: int) -> Square:
    """Squash a picture with its longer side at most 4/3 of the other, the rest filled with its background."""
    height, width, _ = rgb.shape
    background = plain_background(rgb)
    if background is None:
        return Square(resize(rgb, side, side), WHOLE)
    inner = _eased_sides(width, height, side)
    small = resize(rgb, *inner)
    pixels = np.empty((side, side, 3), dtype=np.uint8)
    pixels[:] = background
    left, top = (side - inner[0]) // 2, (side - inner[1]) // 2
    pixels[top : top + inner[1], left : left + inner[0]] = small
    return Square(pixels, _around_the_middle(side / inner[0], side / inner[1]))


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
