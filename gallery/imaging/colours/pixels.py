"""Turns a decoded image of any colour mode into sRGB on white, in bands: no whole copy of it is ever made."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from gallery.imaging.colours.colour_conversion import converted
from gallery.imaging.colours.colour_profiles import NONE, Profile
from gallery.imaging.colours.deep_greys import Greys
from gallery.imaging.resizing import BAND_PIXELS
from gallery.imaging.types import RGB

_SIMPLE_MODES = ("RGB", "RGBA", "L", "P")


def as_rgb(image: Image.Image, factor: int = 1, profile: Profile = NONE) -> RGB:
    """Return a loaded image as (h, w, 3) uint8, its sides smaller by a whole factor, rounded up."""
    width, height = image.size
    if factor == 1 and width * height <= BAND_PIXELS and image.mode in _SIMPLE_MODES:
        return np.array(_flattened(image, profile))
    rgb = np.empty((-(-height // factor), -(-width // factor), 3), dtype=np.uint8)
    is_deep = image.mode.startswith("I") or image.mode == "F"
    grey = Greys.of(image, (band for _, band in bands(image))) if is_deep else None
    for top, band in bands(image, factor):
        flat = _flattened(band if grey is None else Image.fromarray(grey.eight_bits(band)), profile)
        if factor > 1:
            flat = flat.reduce(factor)
        rgb[top // factor : top // factor + flat.height] = np.asarray(flat)
    return rgb


def bands(image: Image.Image, factor: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """Yield rows of an image from the top, with the number of the first; as many as `factor` divides."""
    width, height = image.size
    rows = max(1, BAND_PIXELS // (width * factor)) * factor
    if rows >= height:
        yield 0, image
        return
    for top in range(0, height, rows):
        yield top, image.crop((0, top, width, min(top + rows, height)))


def _flattened(image: Image.Image, profile: Profile) -> Image.Image:
    if profile.content:
        image = converted(image, profile)
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    layered = image.convert("RGBA")
    flat = Image.new("RGB", image.size, "white")
    flat.paste(layered, mask=layered.getchannel("A"))
    return flat
