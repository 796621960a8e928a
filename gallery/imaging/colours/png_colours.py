"""What a PNG says of its colours: a profile, or numbers of which one is made, in the order that browsers ask.

The parts are those of https://www.w3.org/TR/png-3/: cICP comes before iCCP, that before sRGB, and that before
gAMA with cHRM.
"""

from __future__ import annotations

import struct
import zlib

from gallery.imaging.colours import code_points, colour_profiles

MOST_PARTS = 200
MOST_PROFILE_BYTES = 2**20
USUAL_GAMMA = 45455
_NAMES = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")
_SRGB = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_D65 = (0.3127, 0.3290)


def profile(data: bytes) -> bytes:
    """Return the colour profile of a PNG, empty where it names none."""
    parts = _parts(data)
    if b"cICP" in parts:
        primaries, transfer = parts[b"cICP"][:2]
        return code_points.profile(primaries, transfer, of_film=False)
    if b"iCCP" in parts:
        return _unpacked(parts[b"iCCP"])
    if b"sRGB" in parts or b"gAMA" not in parts:
        return b""
    gamma = struct.unpack(">I", parts[b"gAMA"])[0]
    if not gamma or (gamma == USUAL_GAMMA and b"cHRM" not in parts):
        return b""
    numbers = struct.unpack(">8I", parts[b"cHRM"]) if b"cHRM" in parts else ()
    xy = tuple(one / 100_000 for one in numbers)
    curve = colour_profiles.power_curve(100_000 / gamma)
    try:
        return colour_profiles.of_primaries(xy[2:] or _SRGB, (xy[0], xy[1]) if xy else _D65, curve)
    except (ArithmeticError, ValueError, struct.error):  # primaries that span nothing
        return b""


def _parts(data: bytes) -> dict[bytes, bytes]:
    """Return the parts that tell colours; all stand before the pixels."""
    found: dict[bytes, bytes] = {}
    position = 33
    for _ in range(MOST_PARTS):
        length, name = struct.unpack_from(">I4s", data, position)
        if name in (b"IDAT", b"IEND"):
            break
        if name in _NAMES:
            found.setdefault(name, data[position + 8 : position + 8 + length])
        position += 12 + length
    return found


def _unpacked(part: bytes) -> bytes:
    packed = part[part.index(b"\0") + 2 :] if b"\0" in part[:80] else b""
    try:
        return zlib.decompressobj().decompress(packed, MOST_PROFILE_BYTES)
    except zlib.error:
        return b""
