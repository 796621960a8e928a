"""Decodes one file in the process it is called in, after its size was checked: what all processes share."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageFile, TiffImagePlugin

from gallery.errors import NotAnImageError, TooLargeError
from gallery.imaging import formats, headers, jpeg
from gallery.imaging.formats import Format
from gallery.imaging.headers import Declared
from gallery.imaging.memory import Wanted
from gallery.imaging.pixels import as_rgb
from gallery.types import RGB

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
# what may tell the orientation, as Pillow names it
_ORIENTING = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")

_MODE_BYTES = {"1": 1.0, "L": 1.0, "P": 1.0}  # a pixel in Pillow; four in most others
# Bytes that the decoder of AVIF holds for each pixel beside the result; measured
AVIF_HELD = 16.0
TIFF_COLOUR_BYTES = 4  # a pixel of a strip or tile that libtiff unpacks


@dataclass(frozen=True)
class ImageFacts:
    """What a picture is: format name, MIME type, file extension without a dot, size in pixels as shown."""

    format: str
    mime: str
    extension: str
    width: int
    height: int


def decoded(declared: Declared, data: bytes, wanted: Wanted) -> tuple[ImageFacts, RGB]:
    """Decode a file of which its header is known to (h, w, 3) uint8, contiguous, upright, on white.

    Raises: NotAnImageError.
    """
    found = decoded_jpeg(declared, data, wanted) if declared.scales and not declared.in_inks else None
    if found is not None:
        return found
    with _opened(declared.kind, data) as opened:
        if opened.size != declared.size:
            raise formats.damaged_header(declared.kind)
        return decoded_by_pillow(declared, opened, wanted)


def decoded_jpeg(declared: Declared, data: bytes, wanted: Wanted) -> tuple[ImageFacts, RGB] | None:
    """Decode a grey or coloured JPEG without Pillow; None where Pillow has to say whether it can be read."""
    rgb = jpeg.decoded(data, declared.size, wanted.factor(declared))
    if rgb is None:
        return None
    return _upright(declared.kind, declared.size, _orientation(declared.kind, declared.metadata), rgb)


def decoded_by_pillow(
    declared: Declared, opened: ImageFile.ImageFile, wanted: Wanted
) -> tuple[ImageFacts, RGB]:
    """Decode a file that is open. Raises: NotAnImageError, TooLargeError."""
    kind = declared.kind
    try:
        if declared.scales and (least := wanted.least_size(declared.size)) is not None:
            opened.draft(None, least)
        opened.load()
        rgb = as_rgb(opened, 1 if declared.scales else wanted.factor(declared))
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"this {kind.name} file unfolds to too many pixels: {error}") from error
    except formats.DAMAGE as error:
        raise NotAnImageError(
            f"this {kind.name} file is truncated or damaged ({error}): export or download it again"
        ) from error
    orientation = _orientation(kind, opened.info)
    opened.close()  # gives back what it held, before the image is turned
    return _upright(kind, declared.size, orientation, rgb)


def facts(declared: Declared, data: bytes) -> ImageFacts:
    """Say what a file is of which the header is known, without decoding it. Raises: NotAnImageError."""
    if declared.scales:
        return facts_of(declared, declared.metadata)
    with _opened(declared.kind, data) as opened:
        return facts_of(declared, opened.info)


def facts_of(declared: Declared, metadata: Mapping[Any, Any]) -> ImageFacts:
    """Say what a file is of which header and metadata, as Pillow names them, are known."""
    return _facts(declared.kind, declared.size, _orientation(declared.kind, metadata))


@contextmanager
def looked_into(kind: Format, data: bytes) -> Iterator[tuple[Declared, ImageFile.ImageFile]]:
    """Open a file whose header has to be read by its decoder. Raises: NotAnImageError."""
    with _opened(kind, data) as opened:
        held = _MODE_BYTES.get(opened.mode, 2.0 if opened.mode.startswith("I;16") else 4.0)
        found = Declared(kind, opened.size, held, plain=False)
        if kind is formats.AVIF:
            found = replace(found, held=AVIF_HELD)
        elif kind is formats.TIFF:
            found = replace(found, extra=_piece_bytes(opened))
        elif kind is formats.JPEG:
            found = replace(found, held=headers.COEFFICIENT_BYTES * len(opened.getbands()), scales=True)
        elif kind is formats.GIF:
            found = replace(found, held=headers.GIF_HELD)
        yield found, opened


@contextmanager
def _opened(kind: Format, data: bytes) -> Iterator[ImageFile.ImageFile]:
    try:
        opened = kind.decoder(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"the picture has too many pixels, make it smaller: {error}") from error
    except formats.DAMAGE as error:
        raise formats.damaged_header(kind) from error
    with opened:
        yield opened


def _piece_bytes(opened: ImageFile.ImageFile) -> int:
    """Return how many bytes libtiff holds to unpack one strip or tile of an open TIFF."""
    if not isinstance(opened, TiffImagePlugin.TiffImageFile):
        return 0
    tags, (width, height) = opened.tag_v2, opened.size
    bits = tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,))
    pixel_bytes = max(TIFF_COLOUR_BYTES, -(-sum(bits) // 8))
    if TiffImagePlugin.TILEWIDTH in tags:
        across, down = tags[TiffImagePlugin.TILEWIDTH], tags.get(TiffImagePlugin.TILELENGTH, height)
    else:
        across, down = max(width, height), tags.get(TiffImagePlugin.ROWSPERSTRIP, height)
        down = min(down, max(width, height))
    return int(across * down * pixel_bytes) if isinstance(across, int) and isinstance(down, int) else 0


def _upright(kind: Format, size: tuple[int, int], orientation: int, rgb: RGB) -> tuple[ImageFacts, RGB]:
    if orientation in _TURNS:
        rgb = _TURNS[orientation](rgb)
    return _facts(kind, size, orientation), np.ascontiguousarray(rgb)


def _orientation(kind: Format, metadata: Mapping[Any, Any]) -> int:
    """The EXIF orientation still to be applied, 1 to 8; broken EXIF data never refuses a picture."""
    # the decoder of TIFF returns the picture upright already
    if kind is formats.TIFF or not any(name in metadata for name in _ORIENTING):
        return 1
    probe = Image.Image()
    probe.info = dict(metadata)
    try:
        orientation = probe.getexif().get(ExifTags.Base.Orientation, 1)
    except formats.DAMAGE:
        return 1
    return orientation if isinstance(orientation, int) and orientation in _TURNS else 1


def _facts(kind: Format, size: tuple[int, int], orientation: int) -> ImageFacts:
    width, height = reversed(size) if orientation in _QUARTER_TURNS else size
    return ImageFacts(kind.name, kind.mime, kind.extension, width, height)
