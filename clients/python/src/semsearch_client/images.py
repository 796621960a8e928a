"""Takes an image in any form there is, and says how it is sent."""

from __future__ import annotations

import io
import operator
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, SupportsIndex, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from semsearch_client.errors import Refused

# A path, bytes, an open file, an image of Pillow, an array (h, w, 3) or (h, w) uint8, a vector (d,) of
# floats, an address that begins with http, the id of a stored image, or a hit or image of this client's.
ImageLike: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | BinaryIO | int | np.integer[Any] | NDArray[Any] | Any"
)

_GREY, _RGB, _RGBA = 0, 2, 6  # colour types of PNG
_AS_THEY_ARE = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")  # modes of Pillow that PNG has too


@dataclass(frozen=True)
class SentFile:
    """A file to send: its name, and its bytes or an open file."""

    name: str
    content: bytes | BinaryIO


@dataclass(frozen=True)
class Query:
    """What is searched with: exactly one of a file, an address, the id of an image and a vector."""

    file: SentFile | None = None
    url: str | None = None
    image: int | None = None
    vector: list[float] | None = None

    def as_values(self) -> dict[str, object]:
        """Return it as the API takes it in JSON; there is no file in it."""
        given = {"url": self.url, "image": self.image, "vector": self.vector}
        return {name: value for name, value in given.items() if value is not None}


def as_query(image: ImageLike) -> Query:
    """Return how an image is searched with. Raises: Refused for what is no image."""
    if isinstance(image, str) and image.startswith(("http://", "https://")):
        return Query(url=image)
    if isinstance(image, np.ndarray) and image.ndim == 1:
        return Query(vector=as_floats(image))
    stored = stored_id(image)
    return Query(image=stored) if stored is not None else Query(file=as_file(image))


def stored_id(image: ImageLike) -> int | None:
    """Return the id of a stored image, given as a number or as what this client returned, else None."""
    for name in ("image", "id"):
        if isinstance(found := getattr(image, name, None), int) and hasattr(image, "sha256"):
            return found
    if isinstance(image, bool | np.bool_ | np.ndarray):
        return None
    try:
        return operator.index(cast(SupportsIndex, image))  # whether it is one, this finds out
    except TypeError:
        return None


def as_floats(vector: NDArray[Any]) -> list[float]:
    """Return a vector (d,) as numbers for JSON, with the digits that 32 bits have."""
    return [float(f"{value:.7g}") for value in np.asarray(vector, dtype=np.float64).tolist()]


def as_file(image: ImageLike) -> SentFile:
    """Return an image as a file to send. Raises: Refused for what is none."""
    if isinstance(image, str | os.PathLike):
        path = Path(image).expanduser()
        try:
            return SentFile(path.name, path.read_bytes())
        except OSError as error:
            raise Refused(f"{path} cannot be read: {error.strerror}.", code="not_a_file") from error
    if isinstance(image, bytes | bytearray):
        return SentFile("image", bytes(image))
    if isinstance(image, np.ndarray):
        return SentFile("array.png", as_png(image))
    if hasattr(image, "mode") and hasattr(image, "save"):
        return SentFile("image.png", _png_of_pillow(image))
    if hasattr(image, "read"):
        return SentFile(Path(str(getattr(image, "name", "image"))).name, image.read())
    raise Refused(
        f"{type(image).__name__} is no image: give a path, bytes, an open file, an image of Pillow, an array "
        "(h, w, 3) of uint8, an address, or the id of a stored image.",
        code="not_an_image",
    )


def as_png(pixels: NDArray[Any]) -> bytes:
    """Return pixels (h, w), (h, w, 3) or (h, w, 4) uint8 as a PNG file. Raises: Refused for anything else."""
    colours = {1: _GREY, 3: _RGB, 4: _RGBA}
    deep = pixels[:, :, None] if pixels.ndim == 2 else pixels
    if deep.ndim != 3 or deep.shape[2] not in colours or not deep.size or deep.dtype != np.uint8:
        raise Refused(
            f"An array {pixels.shape} of {pixels.dtype} is no image: give (h, w), (h, w, 3) or (h, w, 4) of "
            "uint8, 0 to 255.",
            code="not_an_image",
        )
    height, width, channels = deep.shape
    # each row begins with the number of its filter: 0 is none
    rows = np.concatenate([np.zeros((height, 1), np.uint8), deep.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, colours[channels], 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 1)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png_of_pillow(image: Any) -> bytes:
    out = io.BytesIO()
    (image if image.mode in _AS_THEY_ARE else image.convert("RGB")).save(out, format="PNG")
    return out.getvalue()
