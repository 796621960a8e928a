"""Hostile zip files of every kind that is known to us, most of them with one good image in them."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator

import numpy as np

from tests.support.hostile.large_images import noisy, png, saved, webp_lossless

Random = np.random.Generator
Entry = tuple[str, bytes]

NAMES = (
    "../../outside.png", "/etc/outside.png", "C:/outside.png", "\\\\host\\share.png", "a/../../b.png",
    "con.png", "aux/1.png", "nul\0.png", "line\nbreak.png", "\x1b[2J.png", "\u202egnp.exe", "x" * 70_000,
    "a/" * 5_000 + "deep.png", ".hidden/1.png", "__MACOSX/1.png", "=cmd()|' /C calc'!A0.png", " .png", ".",
    "..", "/", "", "./1.png", "a//b.png", "\ufffe.png", "\ud800.png".encode("utf-8", "replace").decode(),
)  # fmt: skip


def hostile(count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield so many hostile archives, every kind in turn, the same for the same seed."""
    for number in range(count):
        random = np.random.default_rng([seed, number])
        kind = KINDS[number % len(KINDS)]
        yield f"{kind.__name__} ({seed}/{number})", kind(random)


def good_image(random: Random) -> bytes:
    """Return an image that is fine and like no other."""
    return saved(noisy("RGB", (64, 48), int(random.integers(2**32))), "PNG")


def packed(entries: list[Entry], random: Random, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of these entries and a good image."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        archive.writestr("cats/good.png", good_image(random))
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name) if name else zipfile.ZipInfo("-"), data, compression)
    return target.getvalue()


def names(random: Random) -> bytes:
    """Names that lead outside, or that systems stumble over."""
    chosen = random.choice(len(NAMES), 5, replace=False)
    return packed([(NAMES[at][:65_535], good_image(random)) for at in chosen], random)


def raw_names(random: Random) -> bytes:
    """Names of bytes that are no text, the same twice, and of another length in either place."""
    data = packed([(f"dogs/name{number}.png", good_image(random)) for number in range(4)], random)
    changed = bytearray(data)
    for at in _places(data, b"name"):
        changed[at : at + 4] = random.integers(0, 256, 4, dtype=np.uint8).tobytes()
    return bytes(changed)


def links(random: Random) -> bytes:
    """Symbolic links, devices, pipes and sockets."""
    target = io.BytesIO(packed([], random))
    with zipfile.ZipFile(target, "a") as archive:
        for kind in (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR):
            entry = zipfile.ZipInfo(f"cats/{kind:o}.png")
            entry.external_attr = (kind | 0o777) << 16
            archive.writestr(entry, "/etc/passwd")
    return target.getvalue()


def ratios(random: Random) -> bytes:
    """Entries that unpack to a thousand times their size."""
    return packed([("zeros.png", bytes(30_000_000)), ("cats/white.bmp", b"\xff" * 20_000_000)], random)


def nested(random: Random) -> bytes:
    """Archives within archives."""
    inner = packed([], random)
    for level in range(int(random.integers(1, 12))):
        inner = packed([(f"{level}.zip", inner), (f"disguised{level}.png", inner)], random)
    return inner


def overlap(random: Random) -> bytes:
    """Many entries that share the bytes of one."""
    data = packed([("a.png", bytes(100_000))], random)
    directory, count, end = _directory(data)
    record = directory[: 46 + sum(struct.unpack_from("<3H", directory, 28))]
    more = int(random.integers(2, 400))
    return _with_directory(data, directory + record * more, count + more, end)


def many_members(random: Random) -> bytes:
    """Hundreds of entries of a byte, or of none."""
    target = io.BytesIO(packed([], random))
    with zipfile.ZipFile(target, "a") as archive:
        for number in range(400):
            archive.writestr(f"{number}.png", b"x" * (number % 2))
    return target.getvalue()


def lying_count(random: Random) -> bytes:
    """An end record that states another number of entries."""
    data = packed([("a.png", good_image(random))], random)
    directory, _, end = _directory(data)
    return _with_directory(data, directory, int(random.choice([0, 1, 7, 65_535])), end)


def lying_sizes(random: Random) -> bytes:
    """Entries whose stated sizes, offsets, methods, flags or checksums are others."""
    data = bytearray(packed([(f"{number}.png", good_image(random)) for number in range(6)], random))
    for at in _places(bytes(data), b"PK\x01\x02"):
        place = at + int(random.choice([8, 10, 16, 20, 24, 28, 30, 32, 38, 42]))
        data[place : place + 4] = struct.pack(
            "<I", int(random.choice([0, 1, 99, 12, 2**16, 2**31, 2**32 - 1]))
        )
    return bytes(data)


def lying_local_headers(random: Random) -> bytes:
    """Local headers that say something else than the directory."""
    data = bytearray(packed([(f"{number}.png", good_image(random)) for number in range(6)], random))
    for at in _places(bytes(data), b"PK\x03\x04"):
        place = at + int(random.choice([0, 6, 8, 14, 18, 22, 26, 28]))
        data[place : place + 4] = random.integers(0, 256, 4, dtype=np.uint8).tobytes()
    return bytes(data)


def zip64(random: Random) -> bytes:
    """Records of large archives with sizes that are none."""
    data = packed([("a.png", good_image(random))], random)
    directory, count, end = _directory(data)
    start = end - len(directory)
    sizes = [int(random.choice([0, 1, count, 2**40, 2**63 - 1])) for _ in range(4)]
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, *sizes)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, int(random.choice([end, 0, 2**50])), 1)
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65_535, 65_535, 2**32 - 1, 2**32 - 1, 0)
    return data[:start] + directory + record + locator + tail


def truncated(random: Random) -> bytes:
    """Archives that end too early, or begin too late."""
    data = packed([(f"{number}.png", good_image(random)) for number in range(3)], random)
    at = int(random.integers(1, len(data)))
    return data[:at] if random.integers(2) else data[at:]


def flipped(random: Random) -> bytes:
    """Archives with changed bits."""
    data = bytearray(packed([(f"{number}.png", good_image(random)) for number in range(3)], random))
    for _ in range(int(random.integers(1, 30))):
        data[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
    return bytes(data)


def encrypted(random: Random) -> bytes:
    """Entries with every flag of encryption."""
    data = bytearray(packed([(f"{number}.png", good_image(random)) for number in range(3)], random))
    for at in _places(bytes(data), b"PK\x01\x02"):
        data[at + 8] |= int(random.choice([0x1, 0x40]))
    return bytes(data)


def rare_compression(random: Random) -> bytes:
    """Entries packed by methods that take much for few bytes."""
    method = int(random.choice([zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
    return packed([("zeros.png", bytes(5_000_000))], random, method)


def no_zip(random: Random) -> bytes:
    """Bytes that are no archive."""
    kinds = (b"", b"PK", b"Rar!\x1a\x07\0", b"7z\xbc\xaf\x27\x1c", b"PK\x05\x06" + bytes(18), b"\x1f\x8b\x08")
    return kinds[int(random.integers(len(kinds)))] + random.bytes(int(random.integers(500)))


def comments(random: Random) -> bytes:
    """Comments that hold end records."""
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 46, 0, 0)
    target = io.BytesIO(packed([], random))
    with zipfile.ZipFile(target, "a") as archive:
        archive.comment = (end + bytes(7)) * int(random.integers(1, 2_000))
    return target.getvalue()


def extra_fields(random: Random) -> bytes:
    """Entries with long and broken extra fields."""
    target = io.BytesIO(packed([], random))
    with zipfile.ZipFile(target, "a") as archive:
        for number in range(4):
            entry = zipfile.ZipInfo(f"cats/{number}.png")
            body = random.bytes(int(random.integers(40)))
            entry.extra = struct.pack("<HH", int(random.choice([1, 0x7075, 0x5455])), len(body)) + body
            archive.writestr(entry, good_image(random))
    return target.getvalue()


def large_images(random: Random) -> bytes:
    """Images of few bytes that declare many pixels."""
    sizes = [(9_999, 9_999), (16_000, 12_000), (30_000, 9_000), (3_000, 3_000)]
    entries = [
        (f"cats/{number}.webp", webp_lossless((min(w, 16_383), h))) for number, (w, h) in enumerate(sizes)
    ]
    return packed([*entries, ("dogs/one.png", png((20_000, 12_000), 1, 0))], random, zipfile.ZIP_STORED)


KINDS: tuple[Callable[[Random], bytes], ...] = (
    names, raw_names, links, ratios, nested, overlap, many_members, lying_count, lying_sizes,
    lying_local_headers, zip64, truncated, flipped, encrypted, rare_compression, no_zip, comments,
    extra_fields, large_images,
)  # fmt: skip


def _places(data: bytes, sought: bytes) -> Iterator[int]:
    at = data.find(sought)
    while at >= 0:
        yield at
        at = data.find(sought, at + 1)


def _directory(data: bytes) -> tuple[bytes, int, int]:
    """Return the list of contents, how many entries it has and where it ends."""
    end = data.rfind(b"PK\x05\x06")
    count, size, start = struct.unpack_from("<HLL", data, end + 10)
    return data[start : start + size], count, end


def _with_directory(data: bytes, directory: bytes, count: int, end: int) -> bytes:
    """Return an archive with another list of contents."""
    start = struct.unpack_from("<L", data, end + 16)[0]
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), start, 0)
    return data[:start] + directory + tail
