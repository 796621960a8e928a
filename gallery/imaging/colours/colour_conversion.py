"""The door to LittleCMS: pixels of a colour profile become sRGB, as browsers show them."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from gallery.imaging.colours import colour_profiles
from gallery.imaging.colours.colour_profiles import GREY, INKS, Profile
from gallery.imaging.resizing import band_slices
from gallery.imaging.types import RGB

_MODES = {GREY: "L", INKS: "CMYK"}


def convert(rgb: RGB, profile: Profile) -> None:
    """Convert (h, w, 3) uint8 pixels in place, in bands; grey ones have three equal channels."""
    is_grey = colour_profiles.space_of(profile.content) == GREY
    for rows in band_slices(len(rgb), max(1, rgb.shape[1])):
        band = rgb[rows]
        image = Image.fromarray(np.ascontiguousarray(band[:, :, 0]) if is_grey else band)
        band[...] = np.asarray(converted(image, profile).convert("RGB"))


def converted(image: Image.Image, profile: Profile) -> Image.Image:
    """Return a band of an image in sRGB, as RGB or, where it is transparent, as RGBA."""
    mode = _MODES.get(colour_profiles.space_of(profile.content), "RGB")
    layered = image.convert("RGBA") if image.has_transparency_data else None
    if mode == "RGB" and layered is not None:
        colours = layered.convert("RGB")
    else:
        colours = image if image.mode == mode else image.convert(mode)
    transform = (_plain_transform if profile.plain else _other_transform)(profile.content, mode)
    if transform is None:
        return image
    shown: Image.Image = transform.apply(colours)
    if layered is not None:
        shown.putalpha(layered.getchannel("A"))
    return shown


@lru_cache(maxsize=32)
def _plain_transform(content: bytes, mode: str) -> Any:
    return _transform(content, mode)


@lru_cache(maxsize=2)  # with tables these may take megabytes
def _other_transform(content: bytes, mode: str) -> Any:
    return _transform(content, mode)


def _transform(content: bytes, mode: str) -> Any:
    """Return what converts pixels of a mode; None for a profile that LittleCMS cannot read."""
    from PIL import ImageCms

    try:
        return ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(content)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
