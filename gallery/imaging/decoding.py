"""The door to Pillow: bytes of an unknown file in, a validated RGB picture out.

Only seven formats are read, each by its own decoder class, so a file cannot reach a rarely used
decoder, and the limits are checked on the header before a single pixel is decoded. `Image.open` is not
used because its size check is process-wide state and a warning; ours is an argument and an error.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from gallery.errors import NotAnImageError, TooLargeError
from gallery.imaging import jpeg
from gallery.types import RGB

READABLE = "JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF"

# What the decoders are known to raise on damaged files; none of them means a fault of ours.
_DAMAGE = (
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

# by EXIF orientation, of (h, w, 3)
_TURNS: dict[int, Callable[[RGB], RGB]] = {
    2: lambda rgb: rgb[:, ::-1],
    3: lambda rgb: rgb[::-1, ::-1],
    4: lambda rgb: rgb[::-1],
    5: lambda rgb: rgb.swapaxes(0, 1),
    6: lambda rgb: rgb[::-1].swapaxes(0, 1),
    7: lambda rgb: rgb[::-1, ::-1].swapaxes(0, 1),
    8: lambda rgb: rgb[:, ::-1].swapaxes(0, 1),
}
_QUARTER_TURNS = {5, 6, 7, 8}


@dataclass(frozen=True)
class ImageLimits:
    """The largest picture that is read: bytes of the file, pixels in all, pixels a side."""

    max_bytes: int = 50 * 2**20
    max_pixels: int = 100_000_000
    max_side: int = 30_000


@dataclass(frozen=True)
class ImageFacts:
    """What a picture is: format name, MIME type, file extension without a dot, size in pixels as shown."""

    format: str
    mime: str
    extension: str
    width: int
    height: int


@dataclass(frozen=True)
class _Format:
    """One readable format: its name, MIME type, extension and decoder."""

    name: str
    mime: str
    extension: str
    decoder: Callable[[io.BytesIO], ImageFile.ImageFile]


# The plain JPEG class also reads multi-picture files of cameras (MPO): as their first picture.
_JPEG = _Format("JPEG", "image/jpeg", "jpg", JpegImagePlugin.JpegImageFile)
_PNG = _Format("PNG", "image/png", "png", PngImagePlugin.PngImageFile)
_WEBP = _Format("WebP", "image/webp", "webp", WebPImagePlugin.WebPImageFile)
_GIF = _Format("GIF", "image/gif", "gif", GifImagePlugin.GifImageFile)
_BMP = _Format("BMP", "image/bmp", "bmp", BmpImagePlugin.BmpImageFile)
_TIFF = _Format("TIFF", "image/tiff", "tif", TiffImagePlugin.TiffImageFile)
_AVIF = _Format("AVIF", "image/avif", "avif", AvifImagePlugin.AvifImageFile)

_SIGNATURES = (
    (b"\xff\xd8\xff", _JPEG),
    (b"\x89PNG\r\n\x1a\n", _PNG),
    (b"GIF87a", _GIF),
    (b"GIF89a", _GIF),
    (b"II*\x00", _TIFF),
    (b"MM\x00*", _TIFF),
    (b"II+\x00", _TIFF),
    (b"MM\x00+", _TIFF),
    (b"BM", _BMP),
)


def inspect(data: bytes, limits: ImageLimits) -> ImageFacts:
    """Say what a picture is from its header alone, without decoding it.

    Raises: NotAnImageError, TooLargeError.
    """
    kind, opened = _open(data, limits)
    with opened:
        return _facts(kind, opened.size, _orientation(kind, opened))


def decode(
    data: bytes, limits: ImageLimits, *, shortest_side: int | None = None, longest_side: int = 1
) -> RGB:
    """Decode a picture to (h, w, 3) uint8, contiguous, upright, transparency on white.

    With `shortest_side` (pixels) a larger JPEG is decoded at 1/2, 1/4 or 1/8 of its size, several times
    faster, its shortest side staying at least that long, and its longest at least `longest_side`.

    Raises: NotAnImageError, TooLargeError.
    """
    return decode_with_facts(data, limits, shortest_side=shortest_side, longest_side=longest_side)[1]


def decode_with_facts(
    data: bytes, limits: ImageLimits, *, shortest_side: int | None = None, longest_side: int = 1
) -> tuple[ImageFacts, RGB]:
    """Decode a picture as `decode` does and say what it is, parsing it once; facts are of the full size.

    Raises: NotAnImageError, TooLargeError.
    """
    kind, opened = _open(data, limits)
    with opened:
        size, least = opened.size, None
        if kind is _JPEG and shortest_side is not None:
            least = _least_size(size, shortest_side, longest_side)
        rgb = _jpeg(data, opened, least) if kind is _JPEG else None
        if rgb is None:
            rgb = _by_pillow(kind, opened, least)
        orientation = _orientation(kind, opened)
    if orientation in _TURNS:
        rgb = _TURNS[orientation](rgb)
    return _facts(kind, size, orientation), np.ascontiguousarray(rgb)


def encode_webp(rgb: RGB, quality: int) -> bytes:
    """Encode a (h, w, 3) uint8 picture as lossy WebP; quality is 1 to 100, a side at most 16,383."""
    target = io.BytesIO()
    # method 2 takes half the time of Pillow's default 4, for files 3 % larger
    Image.fromarray(rgb).save(target, "WEBP", quality=quality, method=2)
    return target.getvalue()


def _open(data: bytes, limits: ImageLimits) -> tuple[_Format, ImageFile.ImageFile]:
    if not data:
        raise NotAnImageError("the file is empty: choose a picture")
    if len(data) > limits.max_bytes:
        raise TooLargeError(
            f"the file has {_megabytes(len(data))}; at most {_megabytes(limits.max_bytes)} are read: "
            "save it smaller or raise the limit"
        )
    kind = _sniff(data)
    try:
        opened = kind.decoder(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"the picture has too many pixels, make it smaller: {error}") from error
    except _DAMAGE as error:
        raise NotAnImageError(
            f"this begins like a {kind.name} file but is truncated or damaged: export or download it again"
        ) from error
    width, height = opened.size
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        opened.close()
        raise TooLargeError(
            f"the picture has {width} x {height} pixels; at most {limits.max_side} a side and "
            f"{limits.max_pixels} in all are read: make it smaller"
        )
    return kind, opened


def _jpeg(data: bytes, opened: ImageFile.ImageFile, least: tuple[int, int] | None) -> RGB | None:
    """Decode a grey or coloured JPEG; None where Pillow has to."""
    if opened.mode not in ("L", "RGB"):
        return None
    factor = 1
    if least is not None:  # the one that Pillow's `draft` chooses
        times = min(side // wanted for side, wanted in zip(opened.size, least, strict=True))
        factor = next((factor for factor in (8, 4, 2) if times >= factor), 1)
    return jpeg.decoded(data, opened.size, factor)


def _by_pillow(kind: _Format, opened: ImageFile.ImageFile, least: tuple[int, int] | None) -> RGB:
    try:
        if least is not None:
            opened.draft(None, least)
        opened.load()
        return np.array(_flatten(opened), dtype=np.uint8)
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"this {kind.name} file unfolds to too many pixels: {error}") from error
    except _DAMAGE as error:
        raise NotAnImageError(
            f"this {kind.name} file is truncated or damaged ({error}): export or download it again"
        ) from error


def _least_size(size: tuple[int, int], shortest_side: int, longest_side: int) -> tuple[int, int]:
    """Return the least width and height that sides of at least these lengths ask for."""
    longest = max(shortest_side, longest_side)
    return (longest, shortest_side) if size[0] >= size[1] else (shortest_side, longest)


def _sniff(data: bytes) -> _Format:
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _WEBP
    if data[4:8] == b"ftyp":
        brands = data[8:12] + data[16 : int.from_bytes(data[:4], "big")][:64]
        if b"avif" in brands or b"avis" in brands:
            return _AVIF
        raise NotAnImageError(f"HEIC pictures and films are not supported: convert it to {READABLE}")
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    is_markup = start.startswith((b"<?xml", b"<!doctype", b"<!--"))
    if start.startswith(b"<svg") or (is_markup and b"<svg" in start):
        raise NotAnImageError("SVG drawings are not supported: convert it to PNG")
    raise NotAnImageError(f"this is not a picture: use a {READABLE} file")


def _orientation(kind: _Format, opened: ImageFile.ImageFile) -> int:
    """The EXIF orientation still to be applied, 1 to 8; broken EXIF data never refuses a picture."""
    if kind is _TIFF:  # its decoder reports and returns the picture upright already
        return 1
    try:
        # The PNG class would decode the whole picture here; the base class reads what the header gave.
        orientation = Image.Image.getexif(opened).get(ExifTags.Base.Orientation, 1)
    except _DAMAGE:
        return 1
    return orientation if isinstance(orientation, int) and orientation in _TURNS else 1


def _facts(kind: _Format, size: tuple[int, int], orientation: int) -> ImageFacts:
    width, height = reversed(size) if orientation in _QUARTER_TURNS else size
    return ImageFacts(kind.name, kind.mime, kind.extension, width, height)


def _flatten(opened: ImageFile.ImageFile) -> Image.Image:
    """Turn any colour mode into RGB on white."""
    if opened.mode.startswith("I") or opened.mode == "F":
        return Image.fromarray(_eight_bits(opened)).convert("RGB")
    if not opened.has_transparency_data:
        return opened.convert("RGB")
    layered = opened.convert("RGBA")
    flat = Image.new("RGB", opened.size, "white")
    flat.paste(layered, mask=layered.getchannel("A"))
    return flat


def _eight_bits(opened: ImageFile.ImageFile) -> NDArray[np.uint8]:
    """Scale grey values of 12, 16 or 32 bits or floats to (h, w) uint8, where Pillow's `convert` clips."""
    grey = np.nan_to_num(np.asarray(opened).astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    # Only a TIFF says how many of the 16 bits count, and whether 0 means white.
    tags = opened.tag_v2 if isinstance(opened, TiffImagePlugin.TiffImageFile) else {}
    if opened.mode.startswith("I;16"):
        white = 4095.0 if tags.get(TiffImagePlugin.BITSPERSAMPLE) == (12,) else 65535.0
    else:
        # 32-bit integers and floats name no white: take the smallest usual one that holds every value.
        grey -= min(0.0, float(grey.min()))
        brightest = float(grey.max())
        usual = (1.0, 255.0, 65535.0) if opened.mode == "F" else (255.0, 65535.0)
        white = next((candidate for candidate in usual if brightest <= candidate), brightest)
    scaled: NDArray[np.uint8] = np.clip(grey * (255.0 / white) + 0.5, 0.0, 255.0).astype(np.uint8)
    if opened.mode.startswith("I;16") and tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:
        scaled = 255 - scaled  # "white is zero", which Pillow undoes for 8 bits only
    transparent = opened.info.get("transparency")
    if isinstance(transparent, int):
        scaled[np.asarray(opened) == transparent] = 255
    return scaled


def _megabytes(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"
