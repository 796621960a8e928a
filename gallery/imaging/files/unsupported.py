"""Tells what is sound but of a kind that is not read from what is damaged, and names that kind."""

from __future__ import annotations

import io
import struct

from PIL import PsdImagePlugin, TiffImagePlugin

from gallery.errors import NotAnImageError
from gallery.imaging.files import formats
from gallery.imaging.files.formats import Format

PSD_HEADER_BYTES = 26
_SOFS = {
    0xC3: "lossless JPEG", 0xC5: "differential JPEG", 0xC6: "differential JPEG", 0xC7: "lossless JPEG",
    0xC9: "arithmetically coded JPEG", 0xCA: "arithmetically coded JPEG", 0xCB: "lossless JPEG",
    0xCD: "differential JPEG", 0xCE: "differential JPEG", 0xCF: "lossless JPEG", 0xF7: "JPEG-LS",
}  # fmt: skip
_PHOTOMETRICS = {0: "grey", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab"}
_WORDS = (
    "unsupported",
    "not supported",
    "unknown",
    "cannot handle",
    "not yet supported",
    "no codec",
    "cannot decode",
)
# what Pillow says of files that have ended or make no sense
_DAMAGED = ("truncated", "broken", "not a ", "unknown data organization")
_CODECS = {34933, 34934, 34712, 34925, 50000, 50001, 50002, 32946, 34676, 34677, 34661, 34892, 52546}


def refuse(kind: Format, data: bytes, error: Exception) -> None:
    """Refuse a file that is not damaged, with the name of what is not read of its format.

    Raises: NotAnImageError; returns where it may be damaged.
    """
    look = {"JPEG": _jpeg, "TIFF": _tiff, "PSD": _psd}.get(kind.name)
    what = look(data) if look is not None else None
    if look is None:
        words = str(error).lower()
        is_named = any(word in words for word in _WORDS) and not any(word in words for word in _DAMAGED)
        what = f"this kind of {kind.name} ({error})" if is_named else None
    if what is not None:
        raise NotAnImageError(f"{what} is not read: save it as PNG, or as JPEG of 8 bits a colour") from error


def _jpeg(data: bytes) -> str | None:
    position = 2
    for _ in range(600):
        if data[position : position + 1] != b"\xff" or position + 9 > len(data):
            return None
        marker = data[position + 1]
        if marker in _SOFS:
            return _SOFS[marker]
        if 0xC0 <= marker <= 0xC2:
            bits, channels = data[position + 4], data[position + 9 : position + 10]
            if bits not in (0, 8):
                return f"JPEG of {bits} bits a colour"
            return f"JPEG of {channels[0]} colours" if channels and channels[0] not in (0, 1, 3, 4) else None
        position += 2 + (0 if marker == 0xFF else int.from_bytes(data[position + 2 : position + 4], "big"))
    return None


def _psd(data: bytes) -> str | None:
    if len(data) < PSD_HEADER_BYTES:
        return None
    channels, bits, mode = (int.from_bytes(data[at : at + 2], "big") for at in (12, 22, 24))
    if (mode, bits) in PsdImagePlugin.MODES and channels >= PsdImagePlugin.MODES[mode, bits][1]:
        return None
    return f"this kind of PSD (mode {mode}, {channels} channels of {bits} bits)"


def _tiff(data: bytes) -> str | None:
    """Name a TIFF whose header is sound, and of a kind that Pillow has no mode for."""
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[:8] if data[2] != 43 else data[:16])
        stream = io.BytesIO(data)
        stream.seek(tags.next)
        tags.load(stream)
        width, height = tags[TiffImagePlugin.IMAGEWIDTH], tags[TiffImagePlugin.IMAGELENGTH]
        bits = tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,))
        count = int(tags.get(TiffImagePlugin.SAMPLESPERPIXEL, len(bits)))
        compression = int(tags.get(TiffImagePlugin.COMPRESSION, 1))
        offsets = tags.get(TiffImagePlugin.STRIPOFFSETS, tags.get(TiffImagePlugin.TILEOFFSETS))
    except (*formats.DAMAGE, struct.error):
        return None
    if not width or not height or not offsets or max(offsets) >= len(data):
        return None
    if compression not in TiffImagePlugin.COMPRESSION_INFO or compression in _CODECS:
        return f"TIFF of compression {compression}"
    photometric = tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, 0)
    sample_format = tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))
    extra = tags.get(TiffImagePlugin.EXTRASAMPLES, ())
    if count != len(bits):
        bits = bits[:1] * count
    key = (
        tags.prefix, photometric, sample_format[:1] if len(set(sample_format)) == 1 else sample_format,
        tags.get(TiffImagePlugin.FILLORDER, 1), tuple(bits), tuple(extra),
    )  # fmt: skip
    if key in TiffImagePlugin.OPEN_INFO:
        return None
    kinds = {1: "", 2: " signed", 3: " floating-point"}.get(sample_format[0], " complex")
    colours = _PHOTOMETRICS.get(photometric, f"photometric {photometric}")
    values = "value" if count == 1 else "values"
    return f"this kind of TIFF ({colours}, {count}{kinds} {values} a pixel of {bits[0]} bits)"
