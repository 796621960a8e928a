"""The formats that are read: how a file of each is recognised, named and opened by its own decoder.

`Image.open` of Pillow is not used: a file could reach a rarely used decoder, and its check of the size is
state of the whole process and a warning.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    IcoImagePlugin,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    PsdImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from gallery.errors import NotAnImageError
from gallery.imaging.files import other_formats

READABLE = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, HEIC, JPEG 2000, PNM, ICO, PSD or camera raw"

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
    """One readable format: its name, MIME type, extension without a dot and decoder.

    Browsers show it, or have to be sent another file that looks like it.
    """

    name: str
    mime: str
    extension: str
    decoder: Callable[[io.BytesIO], ImageFile.ImageFile]
    in_browsers: bool = True


def _heif(stream: io.BytesIO) -> ImageFile.ImageFile:
    """Open HEIC: only decoder processes do, so the library is loaded there."""
    from pillow_heif import HeifImageFile, options

    options.DECODE_THREADS = 1
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    opened: ImageFile.ImageFile = HeifImageFile(stream)  # type: ignore[no-untyped-call]
    return opened


def _no_decoder(stream: io.BytesIO) -> ImageFile.ImageFile:
    raise SyntaxError("camera raw is read by its preview")


# The plain JPEG class also reads multi-picture files of cameras (MPO): as their first picture.
JPEG = Format("JPEG", "image/jpeg", "jpg", JpegImagePlugin.JpegImageFile)
PNG = Format("PNG", "image/png", "png", PngImagePlugin.PngImageFile)
WEBP = Format("WebP", "image/webp", "webp", WebPImagePlugin.WebPImageFile)
GIF = Format("GIF", "image/gif", "gif", GifImagePlugin.GifImageFile)
BMP = Format("BMP", "image/bmp", "bmp", BmpImagePlugin.BmpImageFile)
TIFF = Format("TIFF", "image/tiff", "tif", TiffImagePlugin.TiffImageFile, in_browsers=False)
AVIF = Format("AVIF", "image/avif", "avif", AvifImagePlugin.AvifImageFile)
HEIC = Format("HEIC", "image/heic", "heic", _heif, in_browsers=False)
JPEG_2000 = Format("JPEG 2000", "image/jp2", "jp2", Jpeg2KImagePlugin.Jpeg2KImageFile, in_browsers=False)
PNM = Format("PNM", "image/x-portable-anymap", "pnm", PpmImagePlugin.PpmImageFile, in_browsers=False)
ICO = Format("ICO", "image/x-icon", "ico", IcoImagePlugin.IcoImageFile)
PSD = Format("PSD", "image/vnd.adobe.photoshop", "psd", PsdImagePlugin.PsdImageFile, in_browsers=False)
RAW = Format("camera raw", "image/x-raw", "raw", _no_decoder, in_browsers=False)

ALL = (JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF, HEIC, JPEG_2000, PNM, ICO, PSD, RAW)

_NOT_IN_BROWSERS = frozenset(kind.name for kind in ALL if not kind.in_browsers)

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
    (b"\0\0\0\x0cjP  \r\n\x87\n", JPEG_2000),
    (b"\xff\x4f\xff\x51", JPEG_2000),
    (b"8BPS\0\1", PSD),
    (b"\0\0\1\0", ICO),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIRO", RAW),
    (b"IIRS", RAW),
    (b"MMOR", RAW),
    (b"IIU\0", RAW),
    (b"FOVb", RAW),
    (b"\0MRM", RAW),
    (b"II\x1a\0\0\0HEAPCCDR", RAW),
)
_PNM = re.compile(rb"P[1-6fF][\s#]")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def recognised(data: bytes) -> Format:
    """Return the format that the first bytes tell. Raises: NotAnImageError, which says what to do."""
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    if data[4:8] == b"ftyp":
        brands = data[8:12] + data[16 : int.from_bytes(data[:4], "big")][:64]
        if data[8:11] == b"crx":
            return RAW
        if b"avif" in brands or b"avis" in brands:
            return AVIF
        if any(brand in brands for brand in _HEIC_BRANDS):
            return HEIC
    if _PNM.match(data):
        return PNM
    other = other_formats.name_of(data)
    if other is not None:
        raise NotAnImageError(f"{other} not supported: convert it to PNG or JPEG")
    raise NotAnImageError(
        other_formats.placeholder_of(data) or f"this is not an image: use a {READABLE} file"
    )


def in_browsers(name: str) -> bool:
    """Whether browsers show the files of a format themselves."""
    return name not in _NOT_IN_BROWSERS


def damaged_header(kind: Format) -> NotAnImageError:
    """Return the error of a file that begins as its format does and cannot be opened."""
    return NotAnImageError(
        f"this begins like a {kind.name} file but is truncated or damaged: export or download it again"
    )
