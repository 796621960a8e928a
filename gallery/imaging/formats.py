"""The seven formats that are read: how a file of each is recognised, named and opened by its own decoder.

`Image.open` of Pillow is not used: a file could reach a rarely used decoder, and its check of the size is
state of the whole process and a warning.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from gallery.errors import NotAnImageError

READABLE = "JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF"

# What the decoders are known to raise on damaged files; none of them means a fault of ours.
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class Format:
    """One readable format: its name, MIME type, extension without a dot and decoder."""

    name: str
    mime: str
    extension: str
    decoder: Callable[[io.BytesIO], ImageFile.ImageFile]


# The plain JPEG class also reads multi-picture files of cameras (MPO): as their first picture.
JPEG = Format("JPEG", "image/jpeg", "jpg", JpegImagePlugin.JpegImageFile)
PNG = Format("PNG", "image/png", "png", PngImagePlugin.PngImageFile)
WEBP = Format("WebP", "image/webp", "webp", WebPImagePlugin.WebPImageFile)
GIF = Format("GIF", "image/gif", "gif", GifImagePlugin.GifImageFile)
BMP = Format("BMP", "image/bmp", "bmp", BmpImagePlugin.BmpImageFile)
TIFF = Format("TIFF", "image/tiff", "tif", TiffImagePlugin.TiffImageFile)
AVIF = Format("AVIF", "image/avif", "avif", AvifImagePlugin.AvifImageFile)

ALL = (JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF)

_SIGNATURES = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"II+\x00", TIFF),
    (b"MM\x00+", TIFF),
    (b"BM", BMP),
)


def recognised(data: bytes) -> Format:
    """Return the format that the first bytes tell. Raises: NotAnImageError, which says what to do."""
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    if data[4:8] == b"ftyp":
        brands = data[8:12] + data[16 : int.from_bytes(data[:4], "big")][:64]
        if b"avif" in brands or b"avis" in brands:
            return AVIF
        raise NotAnImageError(f"HEIC pictures and films are not supported: convert it to {READABLE}")
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    is_markup = start.startswith((b"<?xml", b"<!doctype", b"<!--"))
    if start.startswith(b"<svg") or (is_markup and b"<svg" in start):
        raise NotAnImageError("SVG drawings are not supported: convert it to PNG")
    raise NotAnImageError(f"this is not a picture: use a {READABLE} file")


def damaged_header(kind: Format) -> NotAnImageError:
    """Return the error of a file that begins as its format does and cannot be opened."""
    return NotAnImageError(
        f"this begins like a {kind.name} file but is truncated or damaged: export or download it again"
    )
