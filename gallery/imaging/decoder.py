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
from gallery.imaging import deep_colours, jpeg
from gallery.imaging.colours import code_points, colour_conversion
from gallery.imaging.colours.colour_profiles import GREY, INKS
from gallery.imaging.colours.colour_profiles import RGB as RGB_SPACE
from gallery.imaging.colours.pixels import as_rgb
from gallery.imaging.files import formats, headers, raw, unsupported
from gallery.imaging.files.formats import Format
from gallery.imaging.files.headers import Declared
from gallery.imaging.memory import Wanted
from gallery.imaging.types import RGB

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
# Of these browsers turn what EXIF says is on its side; AVIF's and HEIC's own way Pillow puts there as well.
# The decoders of TIFF and HEIC return the image upright.
_TURNED = ("JPEG", "PNG", "AVIF", "camera raw")

_MODE_BYTES = {"1": 1.0, "L": 1.0, "P": 1.0}  # a pixel in Pillow; four in most others
_SPACES = {"1": GREY, "L": GREY, "LA": GREY, "I;16": GREY, "I;16B": GREY, "I": GREY, "F": GREY, "CMYK": INKS}
# Bytes that decoders hold for each pixel beside the result; measured
HELD = {"AVIF": 16.0, "HEIC": 12.0, "GIF": headers.GIF_HELD, "ICO": 12.0, "PNM": 12.0}
JPEG_2000_HELD = 6.0  # for each channel
BITS_AS_TEXT_HELD = 36.0
RAW_HELD = 4.0  # as Pillow holds a preview
TIFF_COLOUR_BYTES = 4  # a pixel of a strip or tile that libtiff unpacks


@dataclass(frozen=True)
class ImageFacts:
    """What an image is: format name, MIME type, file extension without a dot, size in pixels as shown.

    `note` is a sentence about how it was read, where that is not as usual.
    """

    format: str
    mime: str
    extension: str
    width: int
    height: int
    note: str = ""


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
        return decoded_by_pillow(declared, opened, wanted, data)


def decoded_jpeg(declared: Declared, data: bytes, wanted: Wanted) -> tuple[ImageFacts, RGB] | None:
    """Decode a grey or coloured JPEG without Pillow; None where Pillow has to say whether it can be read."""
    rgb = jpeg.decoded(data, declared.size, wanted.factor(declared))
    return None if rgb is None else of_jpeg(declared, rgb)


def of_jpeg(declared: Declared, rgb: RGB, note: str = "") -> tuple[ImageFacts, RGB]:
    """Return the pixels of a JPEG as they are shown: converted from its colour profile, and upright."""
    if declared.profile.content:
        colour_conversion.convert(rgb, declared.profile)
    return upright_jpeg(declared, rgb, note)


def upright_jpeg(declared: Declared, rgb: RGB, note: str = "") -> tuple[ImageFacts, RGB]:
    """Return the pixels of a JPEG upright, with a note of how it was read."""
    found, upright = _upright(declared, _orientation(declared.kind, declared.metadata), rgb)
    return (replace(found, note=note) if note else found), upright


def decoded_by_pillow(
    declared: Declared, opened: ImageFile.ImageFile, wanted: Wanted, data: bytes
) -> tuple[ImageFacts, RGB]:
    """Decode a file that is open; `data` is its content. Raises: NotAnImageError, TooLargeError."""
    kind = declared.kind
    try:
        if declared.scales and (least := wanted.least_size(declared.size)) is not None:
            opened.draft(None, least)
        opened.load()
        image = deep_colours.stretched(opened, kind, data) if declared.deep else opened
        rgb = as_rgb(image, 1 if declared.scales else wanted.factor(declared), declared.profile)
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"this {kind.name} file unfolds to too many pixels: {error}") from error
    except formats.DAMAGE as error:
        unsupported.refuse(kind, data, error)
        raise NotAnImageError(
            f"this {kind.name} file is truncated or damaged ({error}): export or download it again"
        ) from error
    orientation = _orientation(kind, declared.metadata or opened.info)
    opened.close()  # gives back what it held, before the image is turned
    return _upright(declared, orientation, rgb)


def facts(declared: Declared, data: bytes) -> ImageFacts:
    """Say what a file is of which the header is known, without decoding it. Raises: NotAnImageError."""
    if declared.scales:
        return facts_of(declared, declared.metadata)
    with _opened(declared.kind, data) as opened:
        return facts_of(declared, opened.info)


def facts_of(declared: Declared, metadata: Mapping[Any, Any]) -> ImageFacts:
    """Say what a file is of which header and metadata, as Pillow names them, are known."""
    return _facts(declared, _orientation(declared.kind, declared.metadata or metadata))


@contextmanager
def looked_into(kind: Format, data: bytes) -> Iterator[tuple[Declared, ImageFile.ImageFile]]:
    """Open a file whose header has to be read by its decoder. Raises: NotAnImageError."""
    preview = raw.preview(kind, data)
    if preview is not None:
        with _opened(formats.JPEG, preview.jpeg) as opened:
            found = _looked(formats.JPEG, opened, preview.jpeg)
            held = found.held + RAW_HELD
            found = replace(found, kind=formats.RAW, held=held, scales=False, note=preview.note)
            yield replace(found, metadata=preview.metadata), opened
        return
    with _opened(kind, data) as opened:
        yield _looked(kind, opened, data), opened


def _looked(kind: Format, opened: ImageFile.ImageFile, data: bytes) -> Declared:
    held = _MODE_BYTES.get(opened.mode, 2.0 if opened.mode.startswith("I;16") else 4.0)
    found = Declared(kind, opened.size, held, plain=False, space=_SPACES.get(opened.mode, RGB_SPACE))
    if kind is formats.JPEG_2000:
        found = replace(found, held=JPEG_2000_HELD * len(opened.getbands()))
    elif kind is formats.PNM and data.startswith(b"P1"):
        found = replace(found, held=BITS_AS_TEXT_HELD)
    elif kind.name in HELD:
        found = replace(found, held=HELD[kind.name])
    elif kind is formats.TIFF:
        is_deep = deep_colours.is_deep(opened)
        found = replace(found, held=held * 2 if is_deep else held, extra=_piece_bytes(opened), deep=is_deep)
    elif kind is formats.JPEG:
        found = replace(found, held=headers.COEFFICIENT_BYTES * len(opened.getbands()), scales=True)
    return headers.with_profile(found, _profile_of(kind, opened, data))


def _profile_of(kind: Format, opened: ImageFile.ImageFile, data: bytes) -> bytes:
    """Return the colour profile of an open file, or one of the code points that it has in place of it."""
    content = opened.info.get("icc_profile")
    if isinstance(content, bytes) and content:
        return content
    return code_points.of_avif(data) if kind is formats.AVIF else code_points.of_heif(opened.info)


@contextmanager
def _opened(kind: Format, data: bytes) -> Iterator[ImageFile.ImageFile]:
    try:
        opened = kind.decoder(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"the image has too many pixels, make it smaller: {error}") from error
    except formats.DAMAGE as error:
        unsupported.refuse(kind, data, error)
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


def _upright(declared: Declared, orientation: int, rgb: RGB) -> tuple[ImageFacts, RGB]:
    if orientation in _TURNS:
        rgb = _TURNS[orientation](rgb)
    return _facts(declared, orientation), np.ascontiguousarray(rgb)


def _orientation(kind: Format, metadata: Mapping[Any, Any]) -> int:
    """The orientation still to be applied, 1 to 8; broken EXIF data never refuses an image."""
    if kind.name not in _TURNED or not isinstance(metadata.get("exif"), bytes):
        return 1
    probe = Image.Image()
    probe.info = {"exif": metadata["exif"]}  # what XMP says browsers pass over
    try:
        orientation = probe.getexif().get(ExifTags.Base.Orientation, 1)
    except formats.DAMAGE:
        return 1
    return orientation if isinstance(orientation, int) and orientation in _TURNS else 1


def _facts(declared: Declared, orientation: int) -> ImageFacts:
    kind, size = declared.kind, declared.size
    width, height = reversed(size) if orientation in _QUARTER_TURNS else size
    return ImageFacts(kind.name, kind.mime, kind.extension, width, height, declared.note)
