"""Camera raw files: recognised, and read by the largest preview that the camera put into them.

A preview is a JPEG within the file. One much smaller than the picture is a thumbnail, and not taken for it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from gallery.errors import NotAnImageError
from gallery.imaging.files import formats, headers
from gallery.imaging.files.formats import Format

LEAST_SIDE = 500  # of a preview: networks take images of half of that
MOST_JPEGS = 64
MOST_DIRECTORIES = 32
MOST_ENTRIES = 512
MOST_VALUES = 16

_CFA, _LINEAR = 32803, 34892  # how a sensor's values are named in place of colours
_RAW_PACKINGS = {34713, 32767, 32769, 32770, 32867, 65535, 65000, 34892, 52546}
_WIDTH, _HEIGHT, _PACKING, _PHOTOMETRIC, _ORIENTATION = 256, 257, 259, 262, 274
_SUB, _EXIF, _DNG = 330, 34665, 50706
_FORMS = {3: ("H", 2), 4: ("I", 4), 13: ("I", 4), 1: ("B", 1)}

Tags = dict[int, tuple[int, ...]]


@dataclass(frozen=True)
class Preview:
    """The JPEG in a camera raw file that stands for it, and where it says which side is up."""

    jpeg: bytes
    metadata: dict[str, bytes]
    note: str


def preview(kind: Format, data: bytes) -> Preview | None:
    """Return the preview of a camera raw file, None for what is none.

    Raises: NotAnImageError for one without a preview that is large enough.
    """
    if kind not in (formats.RAW, formats.TIFF):
        return None
    directories = list(_directories(data))
    if kind is formats.TIFF and not _is_raw(data, directories):
        return None
    found = max(_jpegs(data), key=lambda one: one[0][0] * one[0][1], default=None)
    sensor = _largest(directories)
    if found is None or (max(found[0]) < LEAST_SIDE and 2 * max(found[0]) < max(sensor)):
        size = "none" if found is None else f"only one of {found[0][0]} x {found[0][1]} pixels"
        raise NotAnImageError(
            f"this is camera raw, which is read by the preview in it, and there is {size}: export it as JPEG"
        )
    (width, height), start = found
    own = headers.declared(formats.JPEG, data[start:])
    metadata = dict(own.metadata) if own is not None and _says_orientation(own.metadata) else {}
    if not metadata:
        metadata = {"exif": _exif(_orientation(data, directories))}
    return Preview(data[start:], metadata, f"Camera raw, shown by its preview of {width} x {height} pixels.")


def _is_raw(data: bytes, directories: list[Tags]) -> bool:
    if data[8:10] == b"CR":
        return True
    return any(
        _DNG in tags
        or tags.get(_PHOTOMETRIC, (0,))[0] in (_CFA, _LINEAR)
        or tags.get(_PACKING, (0,))[0] in _RAW_PACKINGS
        for tags in directories
    )


def _largest(directories: list[Tags]) -> tuple[int, int]:
    sizes = [
        (tags[_WIDTH][0], tags[_HEIGHT][0]) for tags in directories if tags.get(_WIDTH) and tags.get(_HEIGHT)
    ]
    return max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))


def _jpegs(data: bytes) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield size and place of each JPEG within a file that can be read; a sensor's own packing is none."""
    start = data.find(b"\xff\xd8\xff", 1)
    for _ in range(MOST_JPEGS):
        if start < 0:
            return
        found = headers.declared(formats.JPEG, data[start : start + headers.MOST_EXIF_BYTES * 4])
        if found is not None and not found.in_inks:
            yield found.size, start
        start = data.find(b"\xff\xd8\xff", start + 3)


def _directories(data: bytes) -> Iterator[Tags]:
    """Yield the directories of a file that is built as a TIFF, and of those that they point to."""
    for start in _beginnings(data):
        order = {b"II": "<", b"MM": ">"}.get(data[start : start + 2])
        if order is None:
            continue
        waiting, seen = [_number(data, start + 4, order)], set[int]()
        while waiting and len(seen) < MOST_DIRECTORIES:
            at = waiting.pop(0)
            if not at or at in seen:
                continue
            seen.add(at)
            tags, following = _directory(data, start, at, order)
            waiting += [*tags.get(_SUB, ()), following]
            yield tags


def _beginnings(data: bytes) -> list[int]:
    """Return where TIFF structures begin: the file itself, or the one within Canon's newer form."""
    if data[4:8] != b"ftyp":
        return [0]
    at = data.find(b"CMT1", 0, headers.MOST_EXIF_BYTES)
    return [at + 4] if at > 0 else []


def _directory(data: bytes, start: int, at: int, order: str) -> tuple[Tags, int]:
    tags: Tags = {}
    try:
        count = min(struct.unpack_from(order + "H", data, start + at)[0], MOST_ENTRIES)
        for number in range(count):
            place = start + at + 2 + 12 * number
            tag, form, many = struct.unpack_from(order + "HHI", data, place)
            if form not in _FORMS:
                continue
            letter, width = _FORMS[form]
            where = place + 8 if width * many <= 4 else start + _number(data, place + 8, order)
            tags[tag] = struct.unpack_from(f"{order}{min(many, MOST_VALUES)}{letter}", data, where)
        return {tag: values for tag, values in tags.items() if values}, _number(
            data, start + at + 2 + 12 * count, order
        )
    except struct.error:
        return tags, 0


def _number(data: bytes, at: int, order: str) -> int:
    try:
        return int(struct.unpack_from(order + "I", data, at)[0])
    except struct.error:
        return 0


def _orientation(data: bytes, directories: list[Tags]) -> int:
    return next((tags[_ORIENTATION][0] for tags in directories if _ORIENTATION in tags), 1)


def _says_orientation(metadata: dict[str, bytes]) -> bool:
    return b"\x01\x12\x00\x03" in metadata.get("exif", b"") or b"\x12\x01\x03\x00" in metadata.get(
        "exif", b""
    )


def _exif(orientation: int) -> bytes:
    """Return EXIF that says an orientation and nothing else."""
    entry = struct.pack(">HHIHH", _ORIENTATION, 3, 1, orientation & 0xFFFF, 0)
    return b"Exif\0\0MM\0*\0\0\0\x08\0\1" + entry + bytes(4)
