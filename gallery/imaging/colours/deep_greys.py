"""How values of more than eight bits become eight: by the range that an image uses, not the one it could."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

# the largest values of 8, 10, 12, 14 and 16 bits
USUAL_WHITES = (255.0, 1023.0, 4095.0, 16383.0, 65535.0)
FLOAT_WHITES = (1.0, 255.0, 65535.0)
# Where less than this part of what the usual white allows is used, the range itself is stretched. An image of
# all 16 bits is shown as browsers do while there is something to be seen.
LEAST_SHARE = 1 / 2
LEAST_SHARE_OF_ALL = 1 / 8
_NO_DATA = 42113  # the tag of GDAL for the value that stands for none

Grey = NDArray[np.float32]


@dataclass(frozen=True)
class Range:
    """The values that become black and white."""

    low: float
    high: float


def usual_range(low: float, high: float, *, floats: bool = False) -> Range:
    """Return what to stretch of an image whose values lie between two.

    The smallest usual white that holds every value: of an image with 12 bits in 16 that is 4095, and one of
    all 16 stays as it is. Where the range within that is narrow, as of depths and temperatures, it is itself.
    """
    black = min(0.0, low)
    whites = FLOAT_WHITES if floats else USUAL_WHITES
    white = black + next((one for one in whites if high - black <= one), high - black)
    share = LEAST_SHARE_OF_ALL if not floats and white - black == USUAL_WHITES[-1] else LEAST_SHARE
    if low < high and high - low < share * (white - black):
        return Range(low, high)
    return Range(black, white)


@dataclass(frozen=True)
class Greys:
    """How grey values of 12, 16 or 32 bits or floats become 8 bits, where Pillow's `convert` clips.

    `shown.low` becomes black and `shown.high` white, or the other way round; `absent` stands for no value.
    """

    shown: Range
    is_inverted: bool
    transparent: int | None
    absent: float | None

    @classmethod
    def of(cls, image: Image.Image, bands: Iterable[Image.Image]) -> Greys:
        """Look at the values of an image, which come in bands."""
        # Only a TIFF says how many of the 16 bits count, whether 0 means white, and what means nothing.
        tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
        transparent = image.info.get("transparency")
        key = transparent if isinstance(transparent, int) else None
        absent = _absent(tags.get(_NO_DATA))
        # "white is zero", which Pillow undoes for 8 bits only
        is_inverted = (
            image.mode.startswith("I;16") and tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0
        )
        return cls(_used(bands, absent, floats=image.mode == "F"), is_inverted, key, absent)

    def eight_bits(self, band: Image.Image) -> NDArray[np.uint8]:
        """Return rows of the image as (h, w) uint8."""
        values = np.asarray(band).astype(np.float32)
        low, high = self.shown.low, self.shown.high
        grey = np.nan_to_num(values, nan=low, posinf=high, neginf=low) - np.float32(low)
        if self.absent is not None:
            grey[np.asarray(band) == self.absent] = 0.0
        scale = 255.0 / (high - low) if high > low else 0.0
        scaled: NDArray[np.uint8] = np.clip(grey * scale + 0.5, 0.0, 255.0).astype(np.uint8)
        if self.is_inverted:
            scaled = 255 - scaled
        if self.transparent is not None:
            scaled[np.asarray(band) == self.transparent] = 255
        return scaled


def _used(bands: Iterable[Image.Image], absent: float | None, *, floats: bool) -> Range:
    """Return the range that the values of an image use; depth cameras write the largest for "none"."""
    lows, highs, are_spread, has_marker = [], [], True, False
    for band in bands:
        values = np.asarray(band)
        if floats:
            values = values[np.isfinite(values)]
        else:
            has_marker |= bool((values == 65535).any())
            are_spread = are_spread and bool((values % 257 == 0).all())
            values = values[values != 65535]
        if absent is not None:
            values = values[values != absent]
        if values.size:
            lows.append(float(values.min()))
            highs.append(float(values.max()))
    low, high = min(lows, default=0.0), max(highs, default=0.0)
    if not floats and (are_spread or (has_marker and high > USUAL_WHITES[-2])):
        # eight bits that were spread over 16, or values up to the largest
        return Range(0.0, USUAL_WHITES[-1]) if low >= 0 and high <= USUAL_WHITES[-1] else Range(low, high)
    return usual_range(low, high, floats=floats)


def _absent(text: object) -> float | None:
    with contextlib.suppress(ValueError, TypeError):
        value = float(str(text).strip(" \0"))
        return value if math.isfinite(value) else None
    return None
