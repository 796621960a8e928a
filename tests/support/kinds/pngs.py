"""PNGs of many kinds: types, depths, transparency, and what they say of their colours."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image, PngImagePlugin

from tests.support.kinds import profiles
from tests.support.kinds.kind import (
    Kind,
    alpha,
    exif,
    image,
    pixels,
    png_of,
    png_part,
    png_with,
    saved,
    xmp,
)  # fmt: skip

MIME = "image/png"
STRETCHED = "Values of 16 bits that use only some are stretched; Chromium shows them nearly black."


def kinds() -> Iterator[Kind]:
    """Yield PNGs of many kinds."""
    for kind in (_types, _transparent, _with_numbers, _with_profiles, _orientations, _deep):
        for name, data, *rest in kind():
            yield Kind(f"PNG {name}", MIME, data, why=rest[0] if rest else "")


def _types() -> Iterator[tuple]:  # type: ignore[type-arg]
    rgb, grey = pixels(), np.asarray(image("L"))[..., None]
    clear = alpha()[..., None]
    for interlaced in (False, True):
        name = " interlaced" if interlaced else ""
        for depth in (1, 2, 4, 8):
            yield f"grey of {depth}{name}", png_of(grey >> (8 - depth), depth, 0, interlaced=interlaced)
        for depth in (8, 16):
            times = np.uint16(257 if depth == 16 else 1)
            yield f"RGB of {depth}{name}", png_of(rgb * times, depth, 2, interlaced=interlaced)
            if depth == 16:
                yield f"grey of 16{name}", png_of(grey * times, 16, 0, interlaced=interlaced)
            with_alpha = np.concatenate([grey, clear], axis=-1)
            yield (
                f"grey and alpha of {depth}{name}",
                png_of(with_alpha * times, depth, 4, interlaced=interlaced),
            )
            with_alpha = np.concatenate([rgb, clear], axis=-1)
            yield f"RGBA of {depth}{name}", png_of(with_alpha * times, depth, 6, interlaced=interlaced)
    for mode in ("1", "L", "P", "RGB", "RGBA", "LA"):
        yield f"{mode} by Pillow", saved(image(mode), "PNG")
    for colours in (2, 4, 16, 200):
        yield f"palette of {colours}", saved(image().quantize(colours), "PNG")
    yield "animated", saved(image(), "PNG", save_all=True, append_images=[Image.new("RGB", image().size)])


def _transparent() -> Iterator[tuple]:  # type: ignore[type-arg]
    palette = image().quantize(16)
    yield "palette, one entry clear", saved(palette, "PNG", transparency=3)
    yield "palette, entries half clear", saved(palette, "PNG", transparency=bytes(range(0, 256, 16)))
    grey = image("L")
    yield "grey, one value clear", saved(grey, "PNG", transparency=int(np.asarray(grey)[9, 9]))
    colour = tuple(int(one) for one in pixels()[9, 9])
    yield "RGB, one colour clear", saved(image(), "PNG", transparency=colour)
    deep = (np.asarray(grey).astype(np.uint16) * 257)[..., None]
    clear = png_part(b"tRNS", struct.pack(">H", int(deep[9, 9, 0])))
    yield "grey of 16, one value clear", png_with(png_of(deep, 16, 0), clear)


def _with_numbers() -> Iterator[tuple]:  # type: ignore[type-arg]
    plain = saved(image(), "PNG")
    gamma = {of: png_part(b"gAMA", struct.pack(">I", of)) for of in (45455, 100000, 55556, 50000, 45450)}
    for of, part in gamma.items():
        yield f"gamma {of}", png_with(plain, part)
    srgb = png_part(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
    p3 = png_part(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
    yield "gamma 45455 and sRGB's primaries", png_with(plain, gamma[45455], srgb)
    yield "gamma 45455 and P3's primaries", png_with(plain, gamma[45455], p3)
    yield "gamma 55556 and P3's primaries", png_with(plain, gamma[55556], p3)
    yield "primaries alone", png_with(plain, p3)
    yield "primaries of nothing", png_with(plain, gamma[55556], png_part(b"cHRM", bytes(32)))
    named = png_part(b"sRGB", b"\0")
    yield "sRGB by name", png_with(plain, named)
    yield "sRGB by name, gamma 100000", png_with(plain, named, gamma[100000])
    yield "grey with gamma 100000", png_with(saved(image("L"), "PNG"), gamma[100000])
    yield "palette with gamma 100000", png_with(saved(image().quantize(60), "PNG"), gamma[100000])
    yield "RGBA with gamma 100000", png_with(saved(image("RGBA"), "PNG"), gamma[100000])
    hdr = "Values brighter than white are shown as they are stored; Chromium maps their tones."
    for primaries, transfer, why in (
        (1, 13, ""), (12, 13, ""), (9, 13, ""), (9, 1, ""), (1, 8, ""), (1, 4, ""), (9, 16, hdr),
        (9, 18, hdr),
    ):  # fmt: skip
        part = png_part(b"cICP", bytes([primaries, transfer, 0, 1]))
        yield f"code points {primaries} and {transfer}", png_with(plain, part), why


def _with_profiles() -> Iterator[tuple]:  # type: ignore[type-arg]
    wide = profiles.rgb("ProPhoto", 1.8)
    for mode in ("RGB", "RGBA", "P", "L", "LA", "1"):
        yield f"{mode} with ProPhoto", saved(image(mode), "PNG", icc_profile=wide)
    for mode in ("L", "LA", "RGB", "P"):
        yield f"{mode} with a grey profile", saved(image(mode), "PNG", icc_profile=profiles.grey(1.0))
    yield "with P3", saved(image(), "PNG", icc_profile=profiles.rgb("P3", 2.2))
    yield "with sRGB by table", saved(image(), "PNG", icc_profile=profiles.rgb_by_table("sRGB"))
    named = png_part(b"sRGB", b"\0")
    yield "with ProPhoto and sRGB by name", png_with(saved(image(), "PNG", icc_profile=wide), named)
    yield "with a profile of rubbish", saved(image(), "PNG", icc_profile=b"x" * 300)
    deep = png_of(pixels().astype(np.uint16) * 257, 16, 2)
    profile = saved(image(), "PNG", icc_profile=wide)
    at = profile.index(b"iCCP") - 4
    part = profile[at : at + 12 + int.from_bytes(profile[at : at + 4], "big")]
    yield "RGB of 16 with ProPhoto", png_with(deep, part)


def _orientations() -> Iterator[tuple]:  # type: ignore[type-arg]
    for orientation in range(1, 9):
        yield f"orientation {orientation}", saved(image(), "PNG", exif=exif(orientation))
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp(6).decode())
    yield "orientation in XMP", saved(image(), "PNG", pnginfo=info)
    info, raw = PngImagePlugin.PngInfo(), exif(6).tobytes()
    info.add_text("Raw profile type exif", f"\nexif\n{len(raw):8d}\n{raw.hex()}\n", zip=True)
    yield "orientation in a text", saved(image(), "PNG", pnginfo=info)


def _deep() -> Iterator[tuple]:  # type: ignore[type-arg]
    grey = np.asarray(image("L")).astype(np.uint16)[..., None]
    random = np.random.default_rng(0)
    yield "grey of 16, all used", png_of(grey * 257 + random.integers(0, 200, grey.shape), 16, 0)
    yield "grey, 12 bits in 16", png_of(grey * 16 + 7, 16, 0), STRETCHED
    yield "depths in millimetres", png_of(grey * 20 + 400, 16, 0), STRETCHED
    holes = (grey * 16 + 7).copy()
    holes[:5] = 65535
    yield "depths with holes", png_of(holes, 16, 0), STRETCHED
    yield "temperatures", png_of(grey * 8 + 28_000, 16, 0), STRETCHED
    yield "RGB, 12 bits in 16", png_of(pixels().astype(np.uint16) * 16 + 7, 16, 2), STRETCHED
    clear = np.concatenate([grey * 16 + 7, alpha()[..., None].astype(np.uint16) * 257], axis=-1)
    yield "grey and alpha, 12 bits in 16", png_of(clear, 16, 4), STRETCHED
    spread = pixels().astype(np.uint16)
    yield "RGB of 16, all used", png_of(spread * 257, 16, 2)
    yield "RGB of 16, dark, of eight bits", png_of(spread // 6 * 257, 16, 2)
    yield "grey of 16, dark, of eight bits", png_of(grey // 6 * 257, 16, 0)
