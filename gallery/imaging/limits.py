"""How large a picture may be, as the settings say."""

from __future__ import annotations

from django.conf import settings

from gallery.imaging.decoding import ImageLimits


def image_limits() -> ImageLimits:
    """Return the configured limits of one picture."""
    return ImageLimits(max_bytes=settings.MAX_PICTURE_BYTES, max_pixels=settings.MAX_PICTURE_PIXELS)
