"""Colour profiles for files of tests, written here by the form of ICC.1:2001."""

from __future__ import annotations

import struct

_D50 = (0.9642, 1.0, 0.8249)
# red, green and blue, adapted to D50
COLOURANTS = {
    "P3": ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841)),
    "AdobeRGB": ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446)),
    "ProPhoto": ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249)),
    "Rec2020": ((0.6735, 0.2790, -0.0019), (0.1657, 0.6753, 0.0300), (0.1250, 0.0457, 0.7968)),
    "sRGB": ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)),
}


def rgb(name: str, gamma: float, *, turned: bool = False) -> bytes:
    """Return a profile of three primaries and one power; `turned` names red blue and blue red."""
    colourants = COLOURANTS[name][:: -1 if turned else 1]
    parts = [(tag, _xyz(one)) for tag, one in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colourants, strict=True)]
    return _written(b"RGB ", parts + [(tag, _power(gamma)) for tag in (b"rTRC", b"gTRC", b"bTRC")])


def rgb_by_table(name: str) -> bytes:
    """Return a profile of three primaries and the curve of sRGB as a table, as HP's and Apple's have it."""
    steps = [one / 255 for one in range(256)]
    light = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in steps]
    points = [round(one * 65535) for one in light]
    curve = b"curv\0\0\0\0" + struct.pack(">I256H", 256, *points)
    parts = [(tag, _xyz(one)) for tag, one in zip((b"rXYZ", b"gXYZ", b"bXYZ"), COLOURANTS[name], strict=True)]
    return _written(b"RGB ", parts + [(tag, curve) for tag in (b"rTRC", b"gTRC", b"bTRC")])


def grey(gamma: float) -> bytes:
    """Return a profile of one curve."""
    return _written(b"GRAY", [(b"kTRC", _power(gamma))])


def inks() -> bytes:
    """Return a profile of four inks with a coarse table, as printers' have finer ones."""
    nodes = []
    for number in range(16):
        cyan, magenta, yellow, black = ((number >> bit) & 1 for bit in (3, 2, 1, 0))
        light = 255 * (1 - 0.9 * black) * (1 - 0.3 * cyan) * (1 - 0.4 * magenta) * (1 - 0.1 * yellow)
        a = 128 if black else 128 + 60 * magenta - 50 * cyan
        b = 128 if black else 128 + 80 * yellow - 30 * cyan - 20 * magenta
        nodes += [int(light), a, b]
    same = bytes(range(256))
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + same * 4 + bytes(nodes) + same * 3
    return _written(b"CMYK", [(b"A2B0", table)], connection=b"Lab ", device=b"prtr")


def in_segments(profile: bytes, size: int) -> list[bytes]:
    """Return a profile as the segments of a JPEG, of so many bytes each."""
    pieces = [profile[at : at + size] for at in range(0, len(profile), size)]
    heads = [b"ICC_PROFILE\0" + bytes([number, len(pieces)]) for number in range(1, len(pieces) + 1)]
    bodies = [head + piece for head, piece in zip(heads, pieces, strict=True)]
    return [b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body for body in bodies]


def _power(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(one * 65536) for one in values))


def _written(
    space: bytes, parts: list[tuple[bytes, bytes]], connection: bytes = b"XYZ ", device: bytes = b"mntr"
) -> bytes:
    words = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    parts = [(b"desc", words), (b"cprt", b"text\0\0\0\0none\0"), (b"wtpt", _xyz(_D50)), *parts]
    table, body, start = b"", b"", 132 + 12 * len(parts)
    for name, part in parts:
        table += struct.pack(">4sII", name, start + len(body), len(part))
        body += part + bytes(-len(part) % 4)
    head = struct.pack(
        ">I4xI4s4s4s12x4s28x", start + len(body), 0x02400000, device, space, connection, b"acsp"
    )
    light = struct.pack(">3i", *(round(one * 65536) for one in _D50))
    return (head + light).ljust(128, b"\0") + struct.pack(">I", len(parts)) + table + body
