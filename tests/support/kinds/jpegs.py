"""JPEGs of many kinds: packings, profiles, orientations, ends."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import Image

from tests.support.kinds import profiles
from tests.support.kinds.kind import Kind, exif, image, pixels, saved, xmp

MIME = "image/jpeg"


def kinds() -> Iterator[Kind]:
    """Yield JPEGs of many kinds."""
    for kind in (_packings, _structures, _with_profiles, _orientations, _cut, _refused):
        for name, data, *rest in kind():
            more = rest[0] if rest else {}
            yield Kind(f"JPEG {name}", MIME, data, **more)


def _packings() -> Iterator[tuple]:  # type: ignore[type-arg]
    for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
        for progressive in (False, True):
            for quality in (30, 75, 95):
                name = f"{subsampling} quality {quality}{' progressive' if progressive else ''}"
                yield (
                    name,
                    saved(image(), "JPEG", subsampling=subsampling, progressive=progressive, quality=quality),
                )
    for mode in ("L", "CMYK"):
        for progressive in (False, True):
            yield (
                f"{mode}{' progressive' if progressive else ''}",
                saved(image(mode), "JPEG", progressive=progressive),
            )
    yield "optimised", saved(image(), "JPEG", optimize=True)
    yield "with restarts", saved(image(), "JPEG", restart_marker_blocks=3)
    yield "kept as RGB", saved(image(), "JPEG", keep_rgb=True)
    for size in ((1, 1), (7, 5), (17, 33), (300, 2)):
        yield f"{size[0]} x {size[1]}", saved(Image.fromarray(pixels(*size)), "JPEG", quality=90)


def _structures() -> Iterator[tuple]:  # type: ignore[type-arg]
    plain = saved(image(), "JPEG", quality=90)
    yield "with a comment", saved(image(), "JPEG", comment=b"words" * 50)
    yield "of unequal density", saved(image(), "JPEG", dpi=(300, 72))
    yield "with rubbish behind", plain + b"rubbish" * 40
    yield "with another behind", saved(image(), "MPO", save_all=True, append_images=[image("L")])
    yield "with filling between markers", plain[:2] + b"\xff\xff" + plain[2:]
    yield "with rubbish before its end", plain[:-2] + b"rubbish" + plain[-2:]
    yield "with a thumbnail", plain[:2] + _segment(0xE1, b"Exif\0\0" + plain) + plain[2:]


def _with_profiles() -> Iterator[tuple]:  # type: ignore[type-arg]
    for name in profiles.COLOURANTS:
        for gamma in (1.0, 1.8, 2.2):
            yield f"{name} gamma {gamma}", _profiled("RGB", profiles.rgb(name, gamma))
        yield f"{name} with the curve of sRGB", _profiled("RGB", profiles.rgb_by_table(name))
    turned = profiles.rgb("sRGB", 2.2, turned=True)
    yield "red and blue changed over", _profiled("RGB", turned)
    yield "P3 progressive", _profiled("RGB", profiles.rgb("P3", 2.2), progressive=True)
    yield "P3 on its side", _profiled("RGB", profiles.rgb("P3", 2.2), exif=exif(6))
    for gamma in (1.0, 1.8, 2.2):
        yield f"grey with grey gamma {gamma}", _profiled("L", profiles.grey(gamma))
    yield "grey with P3", _profiled("L", profiles.rgb("P3", 1.8))
    yield "colours with a grey profile", _profiled("RGB", profiles.grey(1.0))
    yield "inks with their profile", _profiled("CMYK", profiles.inks())
    yield "inks with P3", _profiled("CMYK", profiles.rgb("P3", 2.2))
    yield "colours with a profile of inks", _profiled("RGB", profiles.inks())
    yield "with a profile of rubbish", _profiled("RGB", b"x" * 500)
    yield "with a profile that ends early", _profiled("RGB", profiles.rgb("P3", 1.0)[:300])
    plain, segments = saved(image(), "JPEG"), profiles.in_segments(profiles.rgb("ProPhoto", 1.8), 100)
    yield "with a profile in parts", plain[:2] + b"".join(segments) + plain[2:]
    yield "with a profile in parts, turned round", plain[:2] + b"".join(segments[::-1]) + plain[2:]
    yield "with a part of a profile missing", plain[:2] + b"".join(segments[1:]) + plain[2:]


def _orientations() -> Iterator[tuple]:  # type: ignore[type-arg]
    for orientation in range(10):
        yield f"orientation {orientation}", saved(image(), "JPEG", exif=exif(orientation))
    yield "orientation in XMP", saved(image(), "JPEG", xmp=xmp(6))
    yield "orientation in EXIF, another in XMP", saved(image(), "JPEG", exif=exif(3), xmp=xmp(6))
    yield "EXIF without one, XMP with", saved(image(), "JPEG", exif=exif(1), xmp=xmp(8))
    big = b"Exif\0\0MM\0*\0\0\0\x08\0\1" + struct.pack(">HHIHH", 274, 3, 1, 8, 0) + bytes(4)
    yield "orientation in EXIF of the other order", saved(image(), "JPEG", exif=big)
    yield "EXIF of rubbish", saved(image(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")


def _cut() -> Iterator[tuple]:  # type: ignore[type-arg]
    whole = {"why": "All of it is in the file; Chromium leaves out the last rows for want of the end marker."}
    for name, options in (("", {}), (" 4:4:4", {"subsampling": 0}), (" grey", {"mode": "L"})):
        of = image(str(options.pop("mode", "RGB")))
        data = saved(of, "JPEG", quality=92, **options)
        yield f"without its end{name}", data[:-2], whole
        for share in (0.55, 0.75, 0.9):
            yield f"cut at {share:.0%}{name}", data[: int(len(data) * share)]
    progressive = saved(image(), "JPEG", quality=92, progressive=True)
    yield "progressive without its end", progressive[:-2]
    for share in (0.5, 0.75, 0.9):
        yield f"progressive cut at {share:.0%}", progressive[: int(len(progressive) * share)]
    inks = saved(image("CMYK"), "JPEG", quality=92)
    yield "inks cut at 75%", inks[: len(inks) * 3 // 4]
    wide = _profiled("RGB", profiles.rgb("P3", 2.2))
    yield "P3 cut at 75%", wide[: len(wide) * 3 // 4]
    turned = saved(image(), "JPEG", exif=exif(6), quality=92)
    yield "on its side, cut at 75%", turned[: len(turned) * 3 // 4]


def _refused() -> Iterator[tuple]:  # type: ignore[type-arg]
    plain = bytearray(saved(image(), "JPEG"))
    frame = plain.index(b"\xff\xc0")
    for name, marker, bits, words in (
        ("of 12 bits", 0xC1, 12, "JPEG of 12 bits a colour is not read"),
        ("lossless", 0xC3, 8, "lossless JPEG is not read"),
        ("differential", 0xC5, 8, "differential JPEG is not read"),
    ):
        changed = plain.copy()
        changed[frame + 1], changed[frame + 4] = marker, bits
        yield name, bytes(changed), {"refused": words}
    yield "of nothing but a beginning", bytes(plain[:300]), {"refused": "truncated or damaged"}


def _profiled(mode: str, profile: bytes, **options: object) -> bytes:
    return saved(image(mode), "JPEG", quality=92, icc_profile=profile, **options)


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body
