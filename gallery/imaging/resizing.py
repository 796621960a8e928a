"""The door to the resizer: scales pictures by Pillow's bicubic filter, several times as fast.

cykooz-resizer binds the Rust library fast_image_resize, whose convolutions follow Pillow's and use the vector
instructions of the processor. Where its weights have fewer bits a value differs from Pillow's, mostly by one;
features made from them differ by less than those of the engines' precisions do (docs/explanation/speed.md).
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

import numpy as np

from gallery.types import RGB

# Pillow shrinks by whole steps down to so many times the size first: as good, and faster.
REDUCING_GAP = 3.0
_own = threading.local()


def resize(rgb: RGB, width: int, height: int) -> RGB:
    """Scale a (h, w, 3) uint8 picture to (height, width, 3), antialiased.

    The filter is the cubic one with a = -0.5 (Keys, "Cubic convolution interpolation for digital image
    processing", 1981), widened where the picture shrinks, as Pillow's BICUBIC.
    """
    if max(rgb.shape[1] / width, rgb.shape[0] / height) >= 2 * REDUCING_GAP:
        return _in_steps(rgb, width, height)
    from cykooz_resizer import ImageData, PixelType, Resizer

    if not hasattr(_own, "resizer"):  # it keeps buffers, which threads cannot share
        _own.resizer = Resizer()
    source = ImageData(rgb.shape[1], rgb.shape[0], PixelType.U8x3, rgb.tobytes())
    scaled = ImageData(width, height, PixelType.U8x3)
    _own.resizer.resize(source, scaled, _bicubic())
    return np.frombuffer(scaled.get_buffer(), dtype=np.uint8).reshape(height, width, 3)


def _in_steps(rgb: RGB, width: int, height: int) -> RGB:
    from PIL import Image

    image = Image.fromarray(rgb)
    scaled = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=REDUCING_GAP)
    return np.asarray(scaled)


@cache
def _bicubic() -> Any:
    from cykooz_resizer import FilterType, ResizeAlg, ResizeOptions

    return ResizeOptions(ResizeAlg.convolution(FilterType.catmull_rom), use_alpha=False)
