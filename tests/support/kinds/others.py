"""Images of the other formats that browsers show: WebP, GIF, BMP, AVIF, ICO."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import Image

from tests.support.kinds import profiles
from tests.support.kinds.kind import Kind, exif, image, pixels, saved, xmp

OF_TELEVISION = "Chromium takes the values for those of television, though the file says that they are not."
HDR = "Values brighter than white are shown as they are stored; Chromium maps their tones."


def kinds() -> Iterator[Kind]:
    """Yield images of the other formats that browsers show."""
    for name, mime, made in (
        ("WebP", "webp", _webps),
        ("GIF", "gif", _gifs),
        ("BMP", "bmp", _bmps),
        ("AVIF", "avif", _avifs),
        ("ICO", "x-icon", _icos),
    ):
        for kind, data, *rest in made():
            yield Kind(f"{name} {kind}", f"image/{mime}", data, why=rest[0] if rest else "")


def _webps() -> Iterator[tuple]:  # type: ignore[type-arg]
    wide = profiles.rgb("P3", 1.8)
    for quality in (20, 80):
        yield f"quality {quality}", saved(image(), "WEBP", quality=quality)
    yield "lossless", saved(image(), "WEBP", lossless=True)
    yield "with alpha", saved(image("RGBA"), "WEBP", quality=80)
    yield "lossless with alpha", saved(image("RGBA"), "WEBP", lossless=True)
    yield "animated", saved(image(), "WEBP", save_all=True, append_images=[Image.new("RGB", image().size)])
    yield "with P3", saved(image(), "WEBP", lossless=True, icc_profile=wide)
    yield "lossy with P3", saved(image(), "WEBP", icc_profile=wide)
    yield "with alpha and P3", saved(image("RGBA"), "WEBP", lossless=True, icc_profile=wide)
    yield "with sRGB", saved(image(), "WEBP", lossless=True, icc_profile=profiles.rgb_by_table("sRGB"))
    yield "with a grey profile", saved(image(), "WEBP", lossless=True, icc_profile=profiles.grey(1.0))
    for orientation in (1, 3, 6, 8):
        yield f"orientation {orientation}", saved(image(), "WEBP", exif=exif(orientation))
    yield "orientation in XMP", saved(image(), "WEBP", xmp=xmp(6))


def _gifs() -> Iterator[tuple]:  # type: ignore[type-arg]
    for interlaced in (0, 1):
        yield "interlaced" if interlaced else "plain", saved(image(), "GIF", interlace=interlaced)
    yield "grey", saved(image("L"), "GIF")
    yield "of two colours", saved(image().quantize(2), "GIF")
    yield "with a clear colour", saved(image().quantize(16), "GIF", transparency=3)
    yield "animated", saved(image(), "GIF", save_all=True, append_images=[Image.new("RGB", image().size)])
    yield "with alpha", saved(image("RGBA"), "GIF")


def _bmps() -> Iterator[tuple]:  # type: ignore[type-arg]
    for mode in ("1", "L", "P", "RGB"):
        yield mode, saved(image(mode), "BMP")
    yield "of version 5 with ProPhoto", _bmp(profiles.rgb("ProPhoto", 1.8))
    yield "of version 5, sRGB", _bmp(b"", b"BGRs")
    yield "of version 5, calibrated", _bmp(b"", bytes(4))
    yield "from the top", _from_the_top()


def _bmp(profile: bytes, colours: bytes = b"DEBM") -> bytes:
    rows = pixels()[::-1, :, ::-1].tobytes()
    width, height = image().size
    head = struct.pack("<IiiHHIIiiII", 124, width, height, 1, 24, 0, len(rows), 0, 0, 0, 0) + bytes(16)
    head += colours + bytes(48) + struct.pack("<IIII", 4, 124 + len(rows) if profile else 0, len(profile), 0)
    return b"BM" + struct.pack("<IHHI", 138 + len(rows) + len(profile), 0, 0, 138) + head + rows + profile


def _from_the_top() -> bytes:
    rows = pixels()[:, :, ::-1].tobytes()
    width, height = image().size
    head = struct.pack("<IiiHHIIiiII", 40, width, -height, 1, 24, 0, len(rows), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, 54) + head + rows


def _avifs() -> Iterator[tuple]:  # type: ignore[type-arg]
    wide = profiles.rgb("P3", 1.8)
    for subsampling in ("4:2:0", "4:2:2", "4:4:4"):
        yield subsampling, saved(image(), "AVIF", subsampling=subsampling, speed=10)
    yield "grey", saved(image("L"), "AVIF", speed=10)
    yield "with alpha", saved(image("RGBA"), "AVIF", speed=10), OF_TELEVISION
    yield "with P3", saved(image(), "AVIF", speed=10, icc_profile=wide)
    with_alpha = saved(image("RGBA"), "AVIF", speed=10, icc_profile=wide)
    yield "with alpha and P3", with_alpha, OF_TELEVISION
    yield "with sRGB", saved(image(), "AVIF", speed=10, icc_profile=profiles.rgb_by_table("sRGB"))
    frames = [Image.new("RGB", image().size)]
    animated = saved(image(), "AVIF", speed=10, save_all=True, append_images=frames)
    yield "animated", animated, OF_TELEVISION
    for orientation in range(1, 9):
        yield f"orientation {orientation}", saved(image(), "AVIF", speed=10, exif=exif(orientation))
    yield "orientation in XMP", saved(image(), "AVIF", speed=10, xmp=xmp(6))
    plain = saved(image(), "AVIF", quality=95, subsampling="4:4:4", speed=10)
    at = plain.index(b"colrnclx") + 8
    for primaries, transfer in ((1, 1), (1, 8), (1, 4), (2, 2), (5, 4), (9, 1), (9, 13), (12, 13), (12, 8)):
        points = struct.pack(">HH", primaries, transfer)
        yield f"code points {primaries} and {transfer}", plain[:at] + points + plain[at + 4 :]
    for transfer in (16, 18):
        points = struct.pack(">HH", 9, transfer)
        yield f"code points 9 and {transfer}", plain[:at] + points + plain[at + 4 :], HDR


def _icos() -> Iterator[tuple]:  # type: ignore[type-arg]
    whole = image().resize((64, 64))
    yield "of PNG", saved(whole, "ICO", sizes=[(64, 64)])
    yield "of several sizes", saved(whole, "ICO", sizes=[(16, 16), (64, 64), (32, 32)])
    yield "of BMP", saved(whole, "ICO", sizes=[(32, 32)], bitmap_format="bmp")
    yield "with alpha", saved(image("RGBA").resize((48, 48)), "ICO", sizes=[(48, 48)])
