"""The door to libjpeg-turbo: JPEGs to arrays and back without a picture of Pillow's in between.

simplejpeg binds the library that Pillow decodes with as well: the pixels are the same. Pillow's copies on the
way to an array took a quarter longer.
"""

from __future__ import annotations

import simplejpeg

from gallery.imaging.types import RGB


def decoded(data: bytes, size: tuple[int, int], factor: int) -> RGB | None:
    """Decode a grey or coloured JPEG of a size (width, height) at 1/factor of it; factor is 1, 2, 4 or 8.

    Returns (h, w, 3) uint8, sides rounded up; None where the decoder so much as warns: whether the file can
    be read all the same is then for Pillow to say.
    """
    width, height = (-(-side // factor) for side in size)
    try:
        rgb: RGB = simplejpeg.decode_jpeg(data, min_height=height, min_width=width)
    except ValueError:
        return None
    return rgb if rgb.shape == (height, width, 3) else None


def encoded(rgb: RGB, quality: int) -> bytes:
    """Encode a (h, w, 3) uint8 picture as JPEG, colours at half its resolution; quality is 1 to 100."""
    data: bytes = simplejpeg.encode_jpeg(rgb, quality, colorsubsampling="420")
    return data
