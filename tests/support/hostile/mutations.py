"""Mutated images of every format that is read: cut, flipped, spliced, of other sizes, of parts repeated."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
from PIL import Image

from tests.support.hostile.large_images import cases, noisy, saved

SIZE = (61, 47)  # both appear nowhere else in a header
Random = np.random.Generator

_NUMBERS = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 10_000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutated(count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield so many mutated images, the same for the same seed, with a name that tells base and mutation."""
    names = sorted(bases())
    for number in range(count):
        random = np.random.default_rng([seed, number])
        name = names[number % len(names)]
        data, done = bases()[name], []
        for _ in range(int(random.integers(1, 4))):
            mutation = MUTATIONS[int(random.integers(len(MUTATIONS)))]
            data = mutation(data, random)
            done.append(mutation.__name__)
        yield f"{name}, {', '.join(done)} ({seed}/{number})", data


@cache
def bases() -> dict[str, bytes]:
    """Return the small images that mutations begin with: every kind, some with metadata or more frames."""
    found = dict(cases(SIZE))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "an image" * 20
    frames = [noisy("RGB", SIZE, seed) for seed in range(4)]
    for name in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
        found[f"{name} with EXIF"] = saved(frames[0], name, exif=exif)
    for name in ("GIF", "PNG", "WEBP", "TIFF", "AVIF"):
        found[f"{name} of four frames"] = saved(frames[0], name, save_all=True, append_images=frames[1:])
    found["TIFF big"] = saved(frames[0], "TIFF", big_tiff=True)
    return found


def cut(data: bytes, random: Random) -> bytes:
    """End somewhere."""
    return data[: int(random.integers(1, len(data) + 1))]


def flip(data: bytes, random: Random) -> bytes:
    """Change some bits."""
    changed = bytearray(data)
    for _ in range(int(random.integers(1, 12))):
        changed[int(random.integers(len(changed)))] ^= 1 << int(random.integers(8))
    return bytes(changed)


def flip_header(data: bytes, random: Random) -> bytes:
    """Change some bits of the first bytes."""
    return flip(data[:200], random) + data[200:]


def put_number(data: bytes, random: Random) -> bytes:
    """Write a number that programs stumble over, of two or four bytes, somewhere in the first bytes."""
    changed = bytearray(data)
    value = _NUMBERS[int(random.integers(len(_NUMBERS)))]
    order = "<>"[int(random.integers(2))]
    packed = (
        struct.pack(f"{order}H", value & 0xFFFF) if random.integers(2) else struct.pack(f"{order}I", value)
    )
    at = int(random.integers(min(len(data), 400)))
    changed[at : at + len(packed)] = packed
    return bytes(changed)


def declare_size(data: bytes, random: Random) -> bytes:
    """Declare other sides wherever the true ones are written."""
    for side in SIZE:
        other = (1, 300, 9_999, 16_383, 30_000, 65_535, 2**31 - 1)[int(random.integers(7))]
        for order in "<>":
            for form, most in (("H", 2**16 - 1), ("I", 2**32 - 1)):
                for less in (0, 1):  # some formats write one less
                    true = struct.pack(order + form, side - less)
                    data = data.replace(true, struct.pack(order + form, min(other - less, most)))
    return data


def repeat(data: bytes, random: Random) -> bytes:
    """Repeat a part many times."""
    start, end = sorted(int(at) for at in random.integers(0, len(data) + 1, 2))
    return (
        data[:end] + data[start:end] * int(random.integers(1, 2 + 20_000 // (end - start + 1))) + data[end:]
    )


def leave_out(data: bytes, random: Random) -> bytes:
    """Leave a part out."""
    start, end = sorted(int(at) for at in random.integers(0, len(data) + 1, 2))
    return (data[:start] + data[end:]) or data


def splice(data: bytes, random: Random) -> bytes:
    """Go on with the rest of another image."""
    names = sorted(bases())
    other = bases()[names[int(random.integers(len(names)))]]
    return data[: int(random.integers(1, len(data) + 1))] + other[int(random.integers(len(other))) :]


def point_back(data: bytes, random: Random) -> bytes:
    """Write a small offset, as of what came before, where a pointer may be: lists that never end."""
    changed = bytearray(data)
    for _ in range(3):
        at = int(random.integers(max(1, len(data) - 4)))
        changed[at : at + 4] = struct.pack("<>"[int(random.integers(2))] + "I", int(random.integers(64)))
    return bytes(changed)


MUTATIONS: tuple[Callable[[bytes, Random], bytes], ...] = (
    cut, flip, flip_header, put_number, declare_size, repeat, leave_out, splice, point_back,
)  # fmt: skip
