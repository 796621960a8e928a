"""The door to the resizer: scales pictures by Pillow's bicubic filter, several times as fast.

cykooz-resizer binds the Rust library fast_image_resize, whose convolutions follow Pillow's and use the vector
instructions of the processor. Where its weights have fewer bits a value differs from Pillow's, mostly by one;
features made from them differ by less than those of the engines' precisions do (docs/explanation/speed.md).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from gallery.imaging.types import RGB

# Pillow shrinks by whole steps down to so many times the size first: as good, and faster.
REDUCING_GAP = 3.0
# Both libraries work on a copy of their own, of three or four bytes a pixel, so they get larger pictures in
# bands. Values are the same, bit for bit, but where Pillow has to resize more pixels than the second says: it
# shrinks along either side first, as it likes.
WHOLE_PIXELS = 2**21
WHOLE_PIXELS_OF_PILLOW = 2**22
BAND_PIXELS = 2**18  # that are worked on together
SUPPORT = 2.0  # of the filter, in pixels of the result

Part = tuple[float, float, float, float]  # left, top, right, bottom in pixels
_own = threading.local()


def resize(rgb: RGB, width: int, height: int) -> RGB:
    """Scale a (h, w, 3) uint8 picture to (height, width, 3), antialiased.

    The filter is the cubic one with a = -0.5 (Keys, "Cubic convolution interpolation for digital image
    processing", 1981), widened where the picture shrinks, as Pillow's BICUBIC.
    """
    if max(rgb.shape[1] / width, rgb.shape[0] / height) >= 2 * REDUCING_GAP:
        return _in_steps(rgb, width, height)
    if rgb.shape[0] * rgb.shape[1] <= WHOLE_PIXELS:
        return _resized(rgb, width, height)
    flat = np.empty((height, rgb.shape[1], 3), dtype=np.uint8)
    for columns in band_slices(rgb.shape[1], rgb.shape[0]):
        band = rgb[:, columns]
        flat[:, columns] = _resized(band, band.shape[1], height)
    scaled = np.empty((height, width, 3), dtype=np.uint8)
    for rows in band_slices(height, flat.shape[1]):
        scaled[rows] = _resized(flat[rows], width, len(flat[rows]))
    return scaled


def part_by_pillow(rgb: RGB, width: int, height: int, part: Part | None = None) -> RGB:
    """Scale a part of a (h, w, 3) uint8 picture to (height, width, 3) as Pillow does by itself, BICUBIC."""
    from PIL import Image

    left, top, right, bottom = part or (0, 0, rgb.shape[1], rgb.shape[0])
    bicubic = Image.Resampling.BICUBIC
    if rgb.shape[0] * rgb.shape[1] <= WHOLE_PIXELS_OF_PILLOW:
        return np.asarray(Image.fromarray(rgb).resize((width, height), bicubic, (left, top, right, bottom)))
    around = math.ceil(SUPPORT * max(1.0, (bottom - top) / height)) + 1
    above = max(0, int(top) - around)
    rgb, top, bottom = rgb[above : math.ceil(bottom) + around], top - above, bottom - above
    narrow = np.empty((rgb.shape[0], width, 3), dtype=np.uint8)
    for rows in band_slices(rgb.shape[0], rgb.shape[1]):
        band = Image.fromarray(rgb[rows])
        narrow[rows] = np.asarray(band.resize((width, band.height), bicubic, (left, 0, right, band.height)))
    scaled = np.empty((height, width, 3), dtype=np.uint8)
    for columns in band_slices(width, rgb.shape[0]):
        band = Image.fromarray(narrow[:, columns])
        scaled[:, columns] = np.asarray(
            band.resize((band.width, height), bicubic, (0, top, band.width, bottom))
        )
    return scaled


def _resized(rgb: RGB, width: int, height: int) -> RGB:
    from cykooz_resizer import ImageData, PixelType, Resizer

    if not hasattr(_own, "resizer"):  # it keeps buffers, which threads cannot share
        _own.resizer = Resizer()
    source = ImageData(rgb.shape[1], rgb.shape[0], PixelType.U8x3, rgb.tobytes())
    scaled = ImageData(width, height, PixelType.U8x3)
    _own.resizer.resize(source, scaled, _bicubic())
    return np.frombuffer(scaled.get_buffer(), dtype=np.uint8).reshape(height, width, 3)


def _in_steps(rgb: RGB, width: int, height: int) -> RGB:
    from PIL import Image

    if rgb.shape[0] * rgb.shape[1] <= WHOLE_PIXELS:
        image = Image.fromarray(rgb)
        return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=REDUCING_GAP))
    tall, wide = rgb.shape[:2]
    across, along = (max(1, int(many / few / REDUCING_GAP)) for many, few in ((wide, width), (tall, height)))
    reduced = np.empty((-(-tall // along), -(-wide // across), 3), dtype=np.uint8)
    for rows in band_slices(tall, wide, along):
        band = Image.fromarray(rgb[rows]).reduce((across, along))
        reduced[rows.start // along : -(-rows.stop // along)] = np.asarray(band)
    return part_by_pillow(reduced, width, height, (0, 0, wide / across, tall / along))


def band_slices(count: int, pixels: int, step: int = 1) -> Iterator[slice]:
    """Cut so many rows, or columns, of so many pixels each into bands; `step` divides all but the last."""
    together = max(1, BAND_PIXELS // (pixels * step)) * step
    for first in range(0, count, together):
        yield slice(first, min(first + together, count))


@cache
def _bicubic() -> Any:
    from cykooz_resizer import FilterType, ResizeAlg, ResizeOptions

    return ResizeOptions(ResizeAlg.convolution(FilterType.catmull_rom), use_alpha=False)
