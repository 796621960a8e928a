"""What a colour profile says, read without a colour library: whether it is sRGB, and a plain one built anew.

Profiles of three primaries and curves, or of one grey curve, are what nearly all images have. Of those the
numbers are taken and a profile is written anew: nothing else of a stranger's file reaches LittleCMS outside
a decoder process. The form is that of ICC.1:2022, https://www.color.org/specification/ICC.1-2022-05.pdf.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

MOST_PLAIN_BYTES = 2**16
MOST_CURVE_POINTS = 4096
MOST_TAGS = 100
RGB, GREY, INKS = b"RGB ", b"GRAY", b"CMYK"

_HEADER_BYTES = 128
_D50 = (0.9642, 1.0, 0.8249)
# sRGB's primaries, adapted to D50 (ICC's own sRGB profile)
_SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
_NEAR_XYZ = 0.004
_NEAR_CURVE = 1.2 / 255
_STEPS = np.linspace(0.0, 1.0, 33)
_TABLES = (b"A2B0", b"A2B1", b"D2B0", b"D2B1")
_COLOURANTS = (b"rXYZ", b"gXYZ", b"bXYZ")
_CURVES = (b"rTRC", b"gTRC", b"bTRC")

Floats = NDArray[np.float64]
XYZ = tuple[float, float, float]


@dataclass(frozen=True)
class Profile:
    """The profile that pixels are converted from to sRGB, empty for none; `plain` ones were written here."""

    content: bytes = b""
    plain: bool = True


NONE = Profile()


def needed(content: bytes, space: bytes) -> Profile:
    """Return the profile to convert from, for pixels of a space: RGB, GREY or INKS.

    None is needed for sRGB and for what is no profile of such pixels, which browsers ignore too.
    """
    found = space_of(content)
    if found != space and (space, found) != (GREY, RGB):
        return NONE
    if len(content) > MOST_PLAIN_BYTES or space == INKS:
        return Profile(content, plain=False)
    return _needed(content)


def space_of(content: bytes) -> bytes:
    """Return the space of the pixels that a profile is for, empty for what is no profile."""
    return content[16:20] if content[36:40] == b"acsp" and len(content) > _HEADER_BYTES + 4 else b""


def of_primaries(primaries: tuple[float, ...], white: tuple[float, float], curve: bytes) -> bytes:
    """Write a profile of the chromaticities x, y of red, green and blue, of a white and of a curve."""
    pairs = zip(primaries[::2], primaries[1::2], strict=True)
    to_xyz = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in pairs]).T
    wanted = np.array([white[0] / white[1], 1.0, (1 - white[0] - white[1]) / white[1]])
    adapted = _to_d50(wanted) @ (to_xyz * np.linalg.solve(to_xyz, wanted))
    colourants = [tuple(float(value) for value in column) for column in adapted.T]
    return _written(
        RGB,
        [(name, _xyz(one)) for name, one in zip(_COLOURANTS, colourants, strict=True)]
        + [(name, curve) for name in _CURVES],
    )


def power_curve(gamma: float) -> bytes:
    """Write a curve that is a power."""
    return b"para\0\0\0\0" + struct.pack(">HHi", 0, 0, round(gamma * 65536))


def srgb_curve() -> bytes:
    """Write the curve of sRGB."""
    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para\0\0\0\0" + struct.pack(">HH5i", 3, 0, *(round(one * 65536) for one in numbers))


@lru_cache(maxsize=64)
def _needed(content: bytes) -> Profile:
    try:
        tags = _tags(content)
        if tags is None or any(name in tags for name in _TABLES):
            return Profile(content, plain=False)
        if space_of(content) == GREY:
            curves = [_curve(tags[b"kTRC"])]
            if _all_srgb(curves):
                return NONE
            return Profile(_written(GREY, [(b"kTRC", tags[b"kTRC"])]))
        colourants = [_numbers(tags[name]) for name in _COLOURANTS]
        curves = [_curve(tags[name]) for name in _CURVES]
        if np.abs(np.subtract(colourants, _SRGB)).max() < _NEAR_XYZ and _all_srgb(curves):
            return NONE
    except (struct.error, LookupError, ValueError, ArithmeticError):
        return NONE  # browsers show the pixels as they are
    xyz = [(name, _xyz(one)) for name, one in zip(_COLOURANTS, colourants, strict=True)]
    return Profile(_written(RGB, xyz + [(name, tags[name]) for name in _CURVES]))


def _tags(content: bytes) -> dict[bytes, bytes] | None:
    """Return the parts of a profile by name; None where there are more than a plain one has."""
    count = struct.unpack_from(">I", content, _HEADER_BYTES)[0]
    if count > MOST_TAGS or content[20:24] != b"XYZ ":
        return None
    tags: dict[bytes, bytes] = {}
    for number in range(count):
        name, offset, length = struct.unpack_from(">4sII", content, _HEADER_BYTES + 4 + 12 * number)
        tags[name] = content[offset : offset + length]
    return tags


def _numbers(tag: bytes) -> XYZ:
    if tag[:4] != b"XYZ ":
        raise ValueError("no colour")
    x, y, z = (value / 65536 for value in struct.unpack_from(">3i", tag, 8))
    return x, y, z


def _curve(tag: bytes) -> Floats:
    """Return the light at `_STEPS` of a curve. Raises: ValueError for what is none."""
    if tag[:4] == b"curv":
        count = struct.unpack_from(">I", tag, 8)[0]
        if count == 0:
            return _STEPS
        if count == 1:
            return np.asarray(_STEPS ** (struct.unpack_from(">H", tag, 12)[0] / 256))
        if count > MOST_CURVE_POINTS:
            raise ValueError("a curve of too many points")
        points = np.array(struct.unpack_from(f">{count}H", tag, 12)) / 65535
        return np.interp(_STEPS, np.linspace(0, 1, count), points)
    if tag[:4] != b"para":
        raise ValueError("no curve")
    return _parametric(struct.unpack_from(">H", tag, 8)[0], tag)


def _parametric(form: int, tag: bytes) -> Floats:
    """Return the light at `_STEPS` of a curve by formula (ICC.1:2022, table 68)."""
    count = (1, 3, 4, 5, 7)[form]
    g, a, b, c, d, e, f = (*(one / 65536 for one in struct.unpack_from(f">{count}i", tag, 12)), *[0.0] * 7)[
        :7
    ]
    if form == 0:
        a, d = 1.0, -1.0
    elif form < 3:
        e, f, c, d = (c, c, 0.0, -b / a) if form == 2 else (0.0, 0.0, 0.0, -b / a)
    above = np.maximum(a * _STEPS + b, 0.0) ** g + e
    return np.asarray(np.where(d <= _STEPS, above, c * _STEPS + f))


def _all_srgb(curves: list[Floats]) -> bool:
    light = np.where(_STEPS <= 0.04045, _STEPS / 12.92, ((_STEPS + 0.055) / 1.055) ** 2.4)
    # compared as they are seen: by the values that give the same light
    return all(np.abs(_encoded(curve) - _encoded(light)).max() < _NEAR_CURVE for curve in curves)


def _encoded(light: Floats) -> Floats:
    light = np.clip(light, 0.0, 1.0)
    return np.asarray(np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055))


def _to_d50(white: Floats) -> Floats:
    """Return the matrix that adapts colours seen in a white to D50, by Bradford's method."""
    cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    scale = np.diag((cone @ np.array(_D50)) / (cone @ white))
    return np.asarray(np.linalg.inv(cone) @ scale @ cone)


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _written(space: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    """Write a profile of version 4.3 for a screen, adapted to D50."""
    text = "sRGB".encode("utf-16-be")
    words = b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(text), 28) + text
    tags = [(b"desc", words), (b"cprt", words), (b"wtpt", _xyz(_D50)), *tags]
    table, body, start = b"", b"", _HEADER_BYTES + 4 + 12 * len(tags)
    for name, tag in tags:
        table += struct.pack(">4sII", name, start + len(body), len(tag))
        body += tag + bytes(-len(tag) % 4)
    head = struct.pack(">I4xI4s4s4s12x4s28x", start + len(body), 0x04300000, b"mntr", space, b"XYZ ", b"acsp")
    light = struct.pack(">3i", *(round(value * 65536) for value in _D50))
    return (head + light).ljust(_HEADER_BYTES, b"\0") + struct.pack(">I", len(tags)) + table + body
