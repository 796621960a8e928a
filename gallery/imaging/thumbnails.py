"""Small pictures made at import: one thumbnail and one sprite an image, and sheets of sprites."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gallery.errors import TooLargeError
from gallery.imaging import decoding, jpeg
from gallery.imaging.resizing import resize
from gallery.imaging.types import RGB

QUALITY = 80
EXTENSION = "jpg"
MAX_SHEET_SIDE = 16_383  # the largest side a WebP file can state


def thumbnail(rgb: RGB, side: int = 256) -> bytes:
    """Shrink a (h, w, 3) uint8 picture to a long side of at most `side` pixels, as JPEG; never enlarges.

    WebP of the same look takes two thirds of the bytes but six to ten times as long to write, and longer to
    read when a sprite sheet is drawn.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, side / max(height, width))
    if scale < 1.0:
        rgb = resize(rgb, max(1, round(width * scale)), max(1, round(height * scale)))
    return jpeg.encoded(rgb, QUALITY)


def sprite(rgb: RGB, cell: int = 48) -> RGB:
    """Fit a (h, w, 3) uint8 picture whole into the middle of a white (cell, cell, 3) square."""
    height, width = rgb.shape[:2]
    scale = cell / max(height, width)
    fitted = resize(rgb, max(1, round(width * scale)), max(1, round(height * scale)))
    square = np.full((cell, cell, 3), 255, dtype=np.uint8)
    top = (cell - fitted.shape[0]) // 2
    left = (cell - fitted.shape[1]) // 2
    square[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return square


def sprite_sheet(sprites: NDArray[np.uint8], columns: int) -> bytes:
    """Lay (n, cell, cell, 3) uint8 sprites out row by row in one WebP; sprite i is in row i // columns.

    Raises: ValueError without sprites or columns; TooLargeError past 16,383 pixels a side.
    """
    count, cell = sprites.shape[:2]
    if count == 0 or columns < 1:
        raise ValueError("a sprite sheet needs at least one sprite and one column")
    rows = math.ceil(count / columns)
    if max(rows, columns) * cell > MAX_SHEET_SIDE:
        raise TooLargeError(
            f"a sprite sheet of {columns} x {rows} cells passes {MAX_SHEET_SIDE} pixels a side: "
            "split the dataset over several sheets"
        )
    sheet = np.full((rows * columns, cell, cell, 3), 255, dtype=np.uint8)
    sheet[:count] = sprites
    ordered = sheet.reshape(rows, columns, cell, cell, 3).swapaxes(1, 2)
    return decoding.encode_webp(
        np.ascontiguousarray(ordered.reshape(rows * cell, columns * cell, 3)), QUALITY
    )
