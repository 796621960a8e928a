"""Images of every kind that is read, as large as wanted: few bytes that declare many pixels."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pillow_heif
from PIL import Image

from tests.support.kinds import profiles

Size = tuple[int, int]


def saved(image: Image.Image, name: str, **options: object) -> bytes:
    """Return an image as the bytes of a file; `name` is Pillow's of the format."""
    target = io.BytesIO()
    image.save(target, name, **options)
    return target.getvalue()


def flat(mode: str, size: Size) -> Image.Image:
    """Return an image of one colour."""
    return Image.new(mode, size)


def noisy(mode: str, size: Size, seed: int = 0) -> Image.Image:
    """Return an image of coarse noise: every decoder has something to do, and no encoder takes long."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (max(1, size[1] // 16), max(1, size[0] // 16), 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.NEAREST).convert(mode)


def png(size: Size, depth: int, colours: int, *, is_interlaced: bool = False) -> bytes:
    """Return a black PNG of any depth and colour type, as Pillow writes but a few."""
    width, height = size
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colours]
    rows = _adam7(width, height) if is_interlaced else [(width, height)]
    count = sum((1 + -(-across * channels * depth // 8)) * down for across, down in rows if across)
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, is_interlaced)
    palette = png_chunk(b"PLTE", bytes(6)) if colours == 3 else b""
    pixels = png_chunk(b"IDAT", _packed_zeros(count))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + palette + pixels + png_chunk(b"IEND", b"")


def _packed_zeros(count: int) -> bytes:
    """Return zero bytes as zlib packs them; only the first 2**20 are packed, for all others are like them."""
    packer = zlib.compressobj(1, wbits=-15)
    repeated = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = packer.compress(bytes(count % 2**20)) + packer.flush()
    adler32 = count % 65_521 << 16 | 1
    return b"\x78\x01" + repeated * (count // 2**20) + rest + struct.pack(">I", adler32)


def png_chunk(name: bytes, body: bytes) -> bytes:
    """Return one part of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _adam7(width: int, height: int) -> list[Size]:
    passes = (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    )
    return [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes]


def gif(size: Size, frame: Size, *, disposal: int = 0, frames: int = 1) -> bytes:
    """Return a GIF of a screen and small frames in its corner."""
    screen = b"GIF89a" + struct.pack("<HHBBB", *size, 0x80, 0, 0) + bytes(6)
    control = b"!\xf9\x04" + bytes([disposal << 2, 0, 0, 0]) + b"\0"
    pixels = io.BytesIO()
    Image.new("P", frame).save(pixels, "GIF")
    body = pixels.getvalue()
    at = body.index(b",")
    return screen + (control + body[at : at + 9] + b"\0" + body[at + 10 : -1]) * frames + b";"


def bmp_runs(size: Size) -> bytes:
    """Return a BMP of runs, nearly all of whose pixels are jumped over."""
    width, height = size
    jumps = b"\0\2\xff\xff" * (height // 255 + 1)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(jumps), 0, 0, 256, 0)
    palette = bytes(1024)
    start = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(jumps), 0, 0, start) + header + palette + jumps


def webp_lossless(size: Size) -> bytes:
    """Return the fewest bytes that are a lossless WebP: one colour, of a size that they declare."""
    smallest = bytes.fromhex("524946461a000000574542505650384c0d0000002f0ea7c319071011118888fe0700")
    bits = struct.unpack_from("<I", smallest, 21)[0] & ~0x0FFFFFFF | (size[0] - 1) | (size[1] - 1) << 14
    return smallest[:21] + struct.pack("<I", bits) + smallest[25:]


def cases(size: Size) -> Iterator[tuple[str, bytes]]:
    """Yield an image of every kind by name."""
    yield from _jpegs(size)
    yield from _pngs(size)
    yield from _others(size)
    yield from _tiffs(size)
    yield from _unshown(size)


def _jpegs(size: Size) -> Iterator[tuple[str, bytes]]:
    for subsampling in (0, 2):
        for progressive in (False, True):
            name = f"JPEG {'progressive ' if progressive else ''}subsampling {subsampling}"
            yield name, saved(noisy("RGB", size), "JPEG", subsampling=subsampling, progressive=progressive)
    yield "JPEG grey", saved(noisy("L", size), "JPEG")
    yield "JPEG grey progressive", saved(noisy("L", size), "JPEG", progressive=True)
    yield "JPEG inks", saved(noisy("CMYK", size), "JPEG")
    yield "JPEG inks progressive", saved(noisy("CMYK", size), "JPEG", progressive=True)
    yield "JPEG P3", saved(noisy("RGB", size), "JPEG", icc_profile=profiles.rgb("P3", 2.2))
    yield "JPEG inks with a profile", saved(noisy("CMYK", size), "JPEG", icc_profile=profiles.inks())


def _pngs(size: Size) -> Iterator[tuple[str, bytes]]:
    for depth, colours in (
        (1, 0),
        (8, 0),
        (16, 0),
        (8, 2),
        (16, 2),
        (8, 3),
        (8, 4),
        (16, 4),
        (8, 6),
        (16, 6),
    ):
        for is_interlaced in (False, True):
            name = f"PNG type {colours} of {depth} bits{' interlaced' if is_interlaced else ''}"
            yield name, png(size, depth, colours, is_interlaced=is_interlaced)
    yield "PNG P3", saved(noisy("RGBA", size), "PNG", compress_level=1, icc_profile=profiles.rgb("P3", 2.2))
    yield "PNG noisy", saved(noisy("RGBA", size), "PNG", compress_level=1)
    yield "PNG with a transparent colour", saved(noisy("RGB", size), "PNG", transparency=(0, 0, 0))


def _others(size: Size) -> Iterator[tuple[str, bytes]]:
    yield "WebP of 34 bytes", webp_lossless(size)
    yield "WebP lossy", saved(noisy("RGB", size), "WEBP", method=0)
    yield "WebP lossless", saved(noisy("RGB", size), "WEBP", lossless=True, method=0, quality=0)
    yield "WebP with transparency", saved(noisy("RGBA", size), "WEBP", method=0)
    frames = [flat("RGB", size), noisy("RGB", size)]
    yield "WebP animated", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], method=0)
    yield "GIF", saved(noisy("P", size), "GIF")
    for disposal in (0, 2, 3):
        yield f"GIF of a small frame, disposal {disposal}", gif(size, (8, 8), disposal=disposal, frames=3)
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield f"BMP {mode}", saved(noisy(mode, size), "BMP")
    yield "BMP of runs", bmp_runs(size)
    for subsampling in ("4:2:0", "4:4:4"):
        yield f"AVIF {subsampling}", saved(flat("RGB", size), "AVIF", subsampling=subsampling, speed=10)
    yield "AVIF grey", saved(flat("L", size), "AVIF", speed=10)
    yield "AVIF noisy", saved(noisy("RGB", size), "AVIF", speed=10)
    yield "AVIF with transparency", saved(noisy("RGBA", size), "AVIF", speed=10)


def _tiffs(size: Size) -> Iterator[tuple[str, bytes]]:
    for packing in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma"):
        yield f"TIFF {packing}", saved(noisy("RGB", size), "TIFF", compression=packing)
        yield (
            f"TIFF {packing} in one strip",
            saved(
                noisy("RGB", size), "TIFF", compression=packing, tiffinfo={278: size[1]}, strip_size=2**31 - 1
            ),
        )
    yield "TIFF group4", saved(noisy("1", size), "TIFF", compression="group4")
    yield "TIFF YCbCr lzw", saved(noisy("YCbCr", size), "TIFF", compression="tiff_lzw")
    for mode in ("L", "RGBA", "CMYK", "LAB"):
        yield f"TIFF {mode}", saved(noisy(mode, size) if mode != "LAB" else flat(mode, size), "TIFF")
        yield f"TIFF {mode} deflated", saved(flat(mode, size), "TIFF", compression="tiff_adobe_deflate")
    for kind in (np.uint16, np.int32, np.float32):
        deep = Image.fromarray(np.zeros((size[1], size[0]), dtype=kind))
        yield f"TIFF {np.dtype(kind).name}", saved(deep, "TIFF", compression="tiff_adobe_deflate")


def _unshown(size: Size) -> Iterator[tuple[str, bytes]]:
    pillow_heif.register_heif_opener()  # so that Pillow writes HEIC
    for mode in ("L", "RGBA"):
        yield f"HEIC {mode}", saved(flat(mode, size), "HEIF", quality=50)
    yield "HEIC noisy", saved(noisy("RGB", size), "HEIF", quality=30)
    for mode in ("RGB", "L", "RGBA"):
        yield f"JPEG 2000 {mode}", saved(flat(mode, size), "JPEG2000")
    yield "JPEG 2000 noisy", saved(noisy("RGB", size), "JPEG2000", quality_layers=[40])
    yield "JPEG 2000 in tiles", saved(flat("RGB", size), "JPEG2000", tile_size=(256, 256))
    for mode in ("1", "L", "RGB"):
        yield f"PNM {mode}", saved(noisy(mode, size), "PPM")
    head = f"{size[0]} {size[1]}\n".encode()
    count = size[0] * size[1]
    yield "PNM bits as text", b"P1\n" + head + b"1 " * count
    yield "PNM grey as text", b"P2\n" + head + b"255\n" + b"7 " * count
    yield "PNM RGB as text", b"P3\n" + head + b"255\n" + b"7 " * count * 3
    yield "PNM grey of 16", b"P5\n" + head + b"65535\n" + bytes(count * 2)
    yield "PNM floats", b"Pf\n" + head + b"-1.0\n" + bytes(count * 4)
    for colours, channels in ((1, 1), (3, 3), (4, 4)):
        start = b"8BPS" + struct.pack(">H6xHIIHH", 1, channels, size[1], size[0], 8, colours)
        yield f"PSD of {channels}", start + bytes(14) + bytes(count * channels)
