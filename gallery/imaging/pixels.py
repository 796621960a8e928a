"""Turns a decoded image of any colour mode into RGB on white, in bands: no whole copy of it is ever made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from gallery.types import RGB

BAND_PIXELS = 2**18
_SIMPLE_MODES = ("RGB", "RGBA", "L", "P")

Grey = NDArray[np.float32]


def as_rgb(image: Image.Image, factor: int = 1) -> RGB:
    """Return a loaded image as (h, w, 3) uint8, its sides smaller by a whole factor, rounded up."""
    width, height = image.size
    if factor == 1 and width * height <= BAND_PIXELS and image.mode in _SIMPLE_MODES:
        return np.array(_flattened(image))
    rgb = np.empty((-(-height // factor), -(-width // factor), 3), dtype=np.uint8)
    grey = _Greys.of(image) if image.mode.startswith("I") or image.mode == "F" else None
    for top, band in _bands(image, factor):
        flat = _flattened(band) if grey is None else Image.fromarray(grey.eight_bits(band))
        if factor > 1:
            flat = flat.reduce(factor)
        pixels = np.asarray(flat)
        target = rgb[top // factor : top // factor + flat.height]
        target[...] = pixels if grey is None else pixels[:, :, np.newaxis]
    return rgb


def _bands(image: Image.Image, factor: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """Yield rows of an image from the top, with the number of the first; as many as `factor` divides."""
    width, height = image.size
    rows = max(1, BAND_PIXELS // (width * factor)) * factor
    if rows >= height:
        yield 0, image
        return
    for top in range(0, height, rows):
        yield top, image.crop((0, top, width, min(top + rows, height)))


def _flattened(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    layered = image.convert("RGBA")
    flat = Image.new("RGB", image.size, "white")
    flat.paste(layered, mask=layered.getchannel("A"))
    return flat


@dataclass(frozen=True)
class _Greys:
    """How grey values of 12, 16 or 32 bits or floats become 8 bits, where Pillow's `convert` clips.

    `low` becomes black and `low` + `span` white, or the other way round.
    """

    low: float
    span: float
    is_inverted: bool
    transparent: int | None

    @classmethod
    def of(cls, image: Image.Image) -> _Greys:
        # Only a TIFF says how many of the 16 bits count, and whether 0 means white.
        tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
        transparent = image.info.get("transparency")
        key = transparent if isinstance(transparent, int) else None
        if image.mode.startswith("I;16"):
            white = 4095.0 if tags.get(TiffImagePlugin.BITSPERSAMPLE) == (12,) else 65535.0
            # "white is zero", which Pillow undoes for 8 bits only
            return cls(0.0, white, tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0, key)
        # 32-bit integers and floats name no white: take the smallest usual one that holds every value.
        extremes = [(float(values.min()), float(values.max())) for values in map(_values, _rows(image))]
        low = min(0.0, *(least for least, _ in extremes))
        brightest = max(most for _, most in extremes) - low
        usual = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        white = next((candidate for candidate in usual if brightest <= candidate), brightest)
        return cls(low, white, False, key)

    def eight_bits(self, band: Image.Image) -> NDArray[np.uint8]:
        """Return rows of the image as (h, w) uint8."""
        grey = _values(band) - np.float32(self.low)
        scaled: NDArray[np.uint8] = np.clip(grey * (255.0 / self.span) + 0.5, 0.0, 255.0).astype(np.uint8)
        if self.is_inverted:
            scaled = 255 - scaled
        if self.transparent is not None:
            scaled[np.asarray(band) == self.transparent] = 255
        return scaled


def _rows(image: Image.Image) -> Iterator[Image.Image]:
    return (band for _, band in _bands(image))


def _values(band: Image.Image) -> Grey:
    return np.nan_to_num(np.asarray(band).astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
