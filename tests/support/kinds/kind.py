"""One kind of image file, the image that all of them hold, and how files are written."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

from search.types import RGB

WIDTH, HEIGHT = 96, 64


@dataclass(frozen=True)
class Kind:
    """A file by name, with its MIME type for a browser.

    `like` are the pixels (h, w, 3) that a format has to show that browsers do not. `why` is the sentence
    about one that is meant to look otherwise than in the browser, `refused` what is said of one not read.
    """

    name: str
    mime: str
    data: bytes
    like: RGB | None = None
    why: str = ""
    refused: str = ""


def pixels(width: int = WIDTH, height: int = HEIGHT) -> RGB:
    """Return an image of smooth colours with some edges, brighter to the right, redder downwards."""
    rows, columns = np.mgrid[:height, :width]
    across, down = columns / max(1, width - 1), rows / max(1, height - 1)
    waves = 0.5 + 0.5 * np.sin(across * 6) * np.cos(down * 5)
    rgb = np.stack([0.15 + 0.8 * down, 0.1 + 0.8 * across, 0.1 + 0.8 * waves], axis=-1)
    rgb[height // 4 : height // 2, width // 8 : width // 4] = (0.9, 0.15, 0.1)
    rgb[height // 2 : height // 2 + 4, :] = 0.02
    return (rgb * 255 + 0.5).astype(np.uint8)


def image(mode: str = "RGB") -> Image.Image:
    """Return the image in a mode of Pillow; transparent ones are so towards the left."""
    found = Image.fromarray(pixels())
    if mode in ("RGBA", "LA"):
        found = found.convert(mode[:-1])
        found.putalpha(Image.fromarray(alpha()))
        return found
    return found if mode == "RGB" else found.convert(mode)


def alpha() -> np.ndarray:
    """Return how opaque the image is, (h, w) uint8."""
    return np.linspace(60, 255, WIDTH).astype(np.uint8)[None].repeat(HEIGHT, 0)


def saved(of: Image.Image, name: str, **options: object) -> bytes:
    """Return an image as the bytes of a file; `name` is Pillow's of the format."""
    target = io.BytesIO()
    of.save(target, name, **options)
    return target.getvalue()


def as_shown(of: Image.Image) -> RGB:
    """Return an image on white as (h, w, 3)."""
    layered = of.convert("RGBA")
    flat = Image.new("RGB", of.size, "white")
    flat.paste(layered, mask=layered.getchannel("A"))
    return np.asarray(flat)


def read(data: bytes) -> RGB:
    """Return what Pillow makes of a file that it reads, on white."""
    with Image.open(io.BytesIO(data)) as opened:
        return as_shown(opened)


def exif(orientation: int) -> Image.Exif:
    """Return EXIF that says an orientation."""
    found = Image.Exif()
    found[0x0112] = orientation
    return found


def xmp(orientation: int) -> bytes:
    """Return XMP that says an orientation."""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
        f'tiff:Orientation="{orientation}"/></rdf:RDF></x:xmpmeta>'
    ).encode()


def png_part(name: bytes, body: bytes) -> bytes:
    """Return one part of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_with(data: bytes, *parts: bytes) -> bytes:
    """Return a PNG with more parts before its pixels."""
    return data[:33] + b"".join(parts) + data[33:]


def png_of(values: np.ndarray, depth: int, colours: int, *, interlaced: bool = False) -> bytes:
    """Return a PNG of any depth and type without a filter; `values` (h, w, c), of so many bits each."""
    height, width = values.shape[:2]
    steps = (
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
        if interlaced
        else [(0, 0, 1, 1)]
    )
    rows = b"".join(_rows(values[y::dy, x::dx], depth) for x, y, dx, dy in steps)
    header = png_part(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, interlaced))
    return b"\x89PNG\r\n\x1a\n" + header + png_part(b"IDAT", zlib.compress(rows)) + png_part(b"IEND", b"")


def _rows(values: np.ndarray, depth: int) -> bytes:
    if not values.size:
        return b""
    flat = values.reshape(len(values), -1)
    if depth == 16:
        packed = flat.astype(">u2").view(np.uint8).reshape(len(flat), -1)
    elif depth == 8:
        packed = flat.astype(np.uint8)
    else:
        bits = np.unpackbits(flat.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :]
        packed = np.packbits(bits.reshape(len(flat), -1), axis=-1)
    return b"".join(b"\0" + row.tobytes() for row in packed)
