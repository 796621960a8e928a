"""Images of formats that browsers do not show: TIFF, HEIC, JPEG 2000, PNM, PSD, camera raw."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import pillow_heif
from PIL import Image

from search.types import RGB
from tests.support.kinds import profiles
from tests.support.kinds.kind import Kind, as_shown, exif, image, pixels, read, saved


def kinds() -> Iterator[Kind]:
    """Yield images of formats that browsers do not show, with the pixels that they have to show."""
    for name, made in (
        ("TIFF", _tiffs), ("HEIC", _heics), ("JPEG 2000", _jpeg_2000s), ("PNM", _pnms), ("PSD", _psds),
        ("camera raw", _raws),
    ):  # fmt: skip
        for kind, data, like in made():
            if isinstance(like, str):
                yield Kind(f"{name} {kind}", "", data, refused=like)
            else:
                yield Kind(f"{name} {kind}", "", data, like=like)


def _tiffs() -> Iterator[tuple]:  # type: ignore[type-arg]
    for packing in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma"):
        for mode in ("RGB", "L", "RGBA", "P"):
            of = image(mode)
            yield f"{packing or 'plain'} {mode}", saved(of, "TIFF", compression=packing), as_shown(of)
    packed = saved(image(), "TIFF", compression="jpeg")
    yield "jpeg", packed, read(packed)
    for packing in ("group3", "group4"):
        yield packing, saved(image("1"), "TIFF", compression=packing), as_shown(image("1"))
    for mode in ("CMYK", "YCbCr", "LAB", "LA", "1"):
        data = saved(image(mode), "TIFF")
        yield mode, data, as_shown(image(mode)) if mode != "LAB" else read(data)
    yield "large", saved(image(), "TIFF", big_tiff=True), pixels()
    yield "of three pages", saved(image(), "TIFF", save_all=True, append_images=[image("L")] * 2), pixels()
    for orientation in range(1, 9):
        data = saved(image(), "TIFF", exif=exif(orientation))
        yield f"orientation {orientation}", data, _turned(orientation)
    wide = profiles.rgb("ProPhoto", 1.8)
    like = read(saved(image(), "PNG"))
    yield "with ProPhoto", saved(image(), "TIFF", icc_profile=wide), _converted(like, wide)
    grey = np.asarray(image("L")).astype(np.float32)
    as_grey = as_shown(image("L"))
    for name, values in (
        ("grey of 16", Image.fromarray((grey * 257).astype(np.uint16))),
        ("grey of 32", Image.fromarray((grey * 257).astype(np.int32))),
        ("grey as floats", Image.fromarray(grey / 255)),
    ):
        yield name, saved(values, "TIFF"), as_grey
    wide_range = _stretched(grey)
    for name, values in (
        ("temperatures as floats", Image.fromarray(290 + grey / 10)),
        ("heights as floats", Image.fromarray(grey * 9 - 400)),
        ("temperatures in 16 bits", Image.fromarray((grey * 8 + 28_000).astype(np.uint16))),
    ):
        yield name, saved(values, "TIFF"), wide_range
    twelve = (grey * 16 + 8).astype(np.uint16)
    yield "12 bits in 16", saved(Image.fromarray(twelve), "TIFF"), as_grey
    for order in "<>":
        for bits, times in ((8, 1), (16, 257)):
            samples = pixels().astype(np.uint16) * times
            yield f"RGB of {bits}, order {order}", tiff(samples, bits, order=order), pixels()
        samples = pixels().astype(np.uint16) * 16 + 8
        yield f"RGB, 12 bits in 16, order {order}", tiff(samples, 16, order=order), pixels()
    five = np.concatenate([pixels(), pixels()[..., :2]], axis=-1)
    words = "this kind of TIFF (grey, 5 values a pixel of 8 bits) is not read"
    yield "of five bands", tiff(five, 8, photometric=1), words
    yield "of JPEG 2000", tiff(pixels(), 8, packing=34712), "TIFF of compression 34712 is not read"
    yield (
        "RGB as doubles",
        tiff(pixels(), 64, photometric=2),
        "(RGB, 3 values a pixel of 64 bits) is not read",
    )
    yield "cut", saved(image(), "TIFF")[:3000], "truncated or damaged"


def tiff(values: np.ndarray, bits: int, order: str = "<", photometric: int = 2, packing: int = 1) -> bytes:
    """Return a plain TIFF of one strip; `values` (h, w, c) of so many bits each."""
    height, width, count = values.shape
    pixels_bytes = values.astype(f"{order}u{bits // 8}").tobytes()
    bits_at = 8 + 2 + 12 * 9 + 4
    start = bits_at + 2 * count
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, count, bits_at), (259, 3, 1, packing),
        (262, 3, 1, photometric), (273, 4, 1, start), (277, 3, 1, count), (278, 4, 1, height),
        (279, 4, 1, len(pixels_bytes)),
    ]  # fmt: skip
    table = struct.pack(order + "H", len(entries))
    for tag, form, many, value in entries:
        is_short = form == 3 and many == 1
        packed = struct.pack(order + "HH", value, 0) if is_short else struct.pack(order + "I", value)
        table += struct.pack(order + "HHI", tag, form, many) + packed
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + table + bytes(4) + struct.pack(f"{order}{count}H", *[bits] * count) + pixels_bytes


def _heics() -> Iterator[tuple]:  # type: ignore[type-arg]
    for mode in ("RGB", "L", "RGBA"):
        yield mode, heic(image(mode)), as_shown(image(mode))
    wide = profiles.rgb("P3", 1.8)
    yield "with P3", heic(image(), icc_profile=wide), _converted(pixels(), wide)
    for orientation in (3, 6, 8):
        data = heic(image(), exif=exif(orientation).tobytes())
        yield f"orientation {orientation}", data, _turned(orientation)
    yield "cut", heic(image())[:900], "damaged"


def heic(of: Image.Image, **options: object) -> bytes:
    """Return an image as HEIC."""
    pillow_heif.register_heif_opener()  # so that Pillow writes it
    return saved(of, "HEIF", quality=95, chroma=444, **options)


def _jpeg_2000s() -> Iterator[tuple]:  # type: ignore[type-arg]
    for mode in ("RGB", "L", "RGBA"):
        yield mode, saved(image(mode), "JPEG2000"), as_shown(image(mode))
    yield "in tiles", saved(image(), "JPEG2000", tile_size=(32, 32)), pixels()
    yield "lossy", saved(image(), "JPEG2000", irreversible=True), pixels()
    yield "without a file around it", saved(image(), "JPEG2000", no_jp2=True), pixels()
    yield "cut", saved(image(), "JPEG2000")[:400], "damaged"


def _pnms() -> Iterator[tuple]:  # type: ignore[type-arg]
    grey = np.asarray(image("L"))
    height, width = grey.shape
    for mode in ("1", "L", "RGB"):
        yield mode, saved(image(mode), "PPM"), as_shown(image(mode))
    size = f"{width} {height}\n".encode()
    words = " ".join(str(one) for one in grey.ravel().tolist()).encode()
    yield "grey as text", b"P2\n# a comment\n" + size + b"255\n" + words, as_shown(image("L"))
    words = " ".join(str(one) for one in pixels().ravel().tolist()).encode()
    yield "RGB as text", b"P3\n" + size + b"255\n" + words, pixels()
    deep = (grey.astype(np.uint16) * 257).astype(">u2").tobytes()
    yield "grey of 16", b"P5\n" + size + b"65535\n" + deep, as_shown(image("L"))
    twelve = (grey.astype(np.uint16) * 16 + 8).astype(">u2").tobytes()
    yield "grey of 12", b"P5\n" + size + b"4095\n" + twelve, as_shown(image("L"))
    yield "12 bits in 16", b"P5\n" + size + b"65535\n" + twelve, as_shown(image("L"))
    floats = (grey[::-1].astype(np.float32) / 255).astype("<f4").tobytes()
    yield "as floats", b"Pf\n" + size + b"-1.0\n" + floats, as_shown(image("L"))
    yield "cut", saved(image(), "PPM")[:5000], "damaged"


def _psds() -> Iterator[tuple]:  # type: ignore[type-arg]
    yield "RGB", _psd(pixels(), 3), pixels()
    yield "grey", _psd(np.asarray(image("L"))[..., None], 1), as_shown(image("L"))
    inks = 255 - np.asarray(image("CMYK"))
    yield "CMYK", _psd(inks, 4), as_shown(image("CMYK"))
    yield "RGB of 16", _psd(pixels(), 3, depth=16), "(mode 3, 3 channels of 16 bits) is not read"


def _psd(values: np.ndarray, mode: int, depth: int = 8) -> bytes:
    height, width, count = values.shape
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, count, height, width, depth, mode)
    planes = np.ascontiguousarray(values.transpose(2, 0, 1)).astype(">u2" if depth == 16 else np.uint8)
    return head + bytes(12) + b"\0\0" + planes.tobytes()


def _raws() -> Iterator[tuple]:  # type: ignore[type-arg]
    shown = Image.fromarray(pixels(640, 480))
    preview = saved(shown, "JPEG", quality=95)
    like = read(preview)
    small = saved(Image.fromarray(pixels(160, 120)), "JPEG")
    for order in "<>":
        yield f"DNG, order {order}", dng(preview, small, order=order), like
        turned = np.ascontiguousarray(like[::-1].swapaxes(0, 1))
        yield f"DNG on its side, order {order}", dng(preview, small, order=order, orientation=6), turned
    yield "DNG with a thumbnail", dng(b"", small), "this is camera raw"
    yield "DNG with nothing", dng(b"", b""), "this is camera raw"
    yield "of Fuji", b"FUJIFILMCCD-RAW 0201" + bytes(100) + preview + bytes(5000), like
    yield "of Olympus", b"IIRO\x08\0\0\0" + bytes(30) + small + preview + bytes(5000), like
    yield "of Canon's newer form", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(60) + preview, like


def dng(preview: bytes, thumbnail: bytes, *, order: str = "<", orientation: int = 1) -> bytes:
    """Return a file as cameras write it: a small picture first, a sensor's values and previews behind."""
    sensor = bytes(1280 * 960)
    blobs = [bytes(64 * 48 * 3), sensor, preview, thumbnail]
    starts, at = [], 1024
    for blob in blobs:
        starts.append(at)
        at += len(blob)
    first = [
        (254, 4, 1), (256, 4, 64), (257, 4, 48), (258, 3, 8), (259, 3, 1), (262, 3, 2), (273, 4, starts[0]),
        (274, 3, orientation), (277, 3, 3), (278, 4, 48), (279, 4, len(blobs[0])), (330, 4, 500),
        (50706, 4, 0x00000401),
    ]  # fmt: skip
    raw = [
        (254, 4, 0), (256, 4, 1280), (257, 4, 960), (258, 3, 8), (259, 3, 1), (262, 3, 32803),
        (273, 4, starts[1]), (277, 3, 1), (278, 4, 960), (279, 4, len(sensor)),
    ]  # fmt: skip
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    file = head + _directory(first, order)
    file = file.ljust(500, b"\0") + _directory(raw, order)
    return file.ljust(1024, b"\0") + b"".join(blobs)


def _directory(entries: list[tuple[int, int, int]], order: str) -> bytes:
    table = struct.pack(order + "H", len(entries))
    for tag, form, value in entries:
        packed = struct.pack(order + ("HH" if form == 3 else "I"), *((value, 0) if form == 3 else (value,)))
        table += struct.pack(order + "HHI", tag, form, 1) + packed
    return table + bytes(4)


def _turned(orientation: int) -> RGB:
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
    }  # fmt: skip
    return np.asarray(image().transpose(turns[orientation]) if orientation in turns else image())


def _converted(rgb: RGB, profile: bytes) -> RGB:
    """Return pixels in sRGB by the definition: to light by the power, and by the primaries to sRGB's."""
    name, gamma = ("ProPhoto", 1.8) if b"test" in profile and _is(profile, "ProPhoto") else ("P3", 1.8)
    light = (rgb / 255.0) ** gamma
    xyz = light @ np.array(profiles.COLOURANTS[name])
    linear = np.clip(xyz @ np.linalg.inv(np.array(profiles.COLOURANTS["sRGB"])), 0, 1)
    shown = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    found: RGB = (shown * 255 + 0.5).astype(np.uint8)
    return found


def _is(profile: bytes, name: str) -> bool:
    return profile == profiles.rgb(name, 1.8)


def _stretched(grey: np.ndarray) -> RGB:
    low, high = grey.min(), grey.max()
    eight: RGB = ((grey - low) / (high - low) * 255 + 0.5).astype(np.uint8)
    return np.repeat(eight[..., None], 3, axis=-1)
