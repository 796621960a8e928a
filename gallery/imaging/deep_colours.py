"""Colours of sixteen bits that use only the lower ones: stretched, as deep greys are.

Pillow keeps the upper byte of each value. Where that says nearly nothing, the file is read once more with
the order of the bytes turned round, which brings the lower ones.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from gallery.imaging.colours.deep_greys import usual_range
from gallery.imaging.colours.pixels import bands
from gallery.imaging.files.formats import Format

LEAST_UPPER = 64  # images with a value of more than 14 bits stay as they are
_OTHER_ORDER = {";16B": ";16L", ";16L": ";16B", ";16N": ";16B"}  # native is little endian where this runs


def is_deep(opened: ImageFile.ImageFile) -> bool:
    """Whether a file that is open has colours of sixteen bits."""
    return any(raw[-4:] in _OTHER_ORDER and not raw.startswith(("I", "L;")) for raw in _raw_modes(opened))


def stretched(upper: ImageFile.ImageFile, kind: Format, data: bytes) -> Image.Image:
    """Return a loaded image of deep colours with the range in use stretched, or as it is."""
    colours = slice(0, 3 if len(upper.getbands()) >= 3 else 1)
    if upper.mode == "CMYK" or _most(upper, colours) >= LEAST_UPPER:
        return upper
    lower = _lower_bytes(kind.decoder(io.BytesIO(data)))
    values = [_values(one, other, colours) for one, other in zip(bands(upper), bands(lower), strict=True)]
    low = min(float(least) for least, _, _ in values)
    high = max(float(most) for _, most, _ in values)
    if all(same for _, _, same in values):
        return upper  # eight bits that were spread over sixteen
    shown = usual_range(low, high)
    steps = (np.arange(2**16) - shown.low) * (255.0 / (shown.high - shown.low)) + 0.5
    table = np.clip(steps, 0, 255).astype(np.uint8)
    for (top, one), (_, other) in zip(list(bands(upper)), bands(lower), strict=True):
        pixels = np.array(one)
        pixels[..., colours] = table[_sixteen(one, other, colours)]
        upper.paste(Image.fromarray(pixels, upper.mode), (0, top))
    return upper


def _lower_bytes(opened: ImageFile.ImageFile) -> Image.Image:
    """Load a file whose header is read as the lower bytes of its values."""
    if opened.mode == "RGBA" and _raw_modes(opened)[0].startswith("LA"):
        # grey and alpha, which Pillow reads in one order only; their four bytes a pixel are RGBA as well
        opened.tile = [tile._replace(args="RGBA") for tile in opened.tile]
        opened.load()
        grey = opened.getchannel("G")
        return Image.merge("RGBA", (grey, grey, grey, opened.getchannel("A")))
    opened.tile = [tile._replace(args=_turned(tile.args)) for tile in opened.tile]
    opened.load()
    return opened


def _raw_modes(opened: ImageFile.ImageFile) -> list[str]:
    found = [tile.args if isinstance(tile.args, str) else (tile.args or ("",))[0] for tile in opened.tile]
    return [str(one) for one in found]


def _turned(args: tuple[object, ...] | str | None) -> tuple[object, ...] | str | None:
    if isinstance(args, str):
        return args[:-4] + _OTHER_ORDER[args[-4:]]
    first = str((args or ("",))[0])
    return (first[:-4] + _OTHER_ORDER[first[-4:]], *(args or ("",))[1:])


def _most(image: Image.Image, colours: slice) -> int:
    return max(int(np.asarray(image.getchannel(name)).max()) for name in image.getbands()[colours])


def _sixteen(upper: Image.Image, lower: Image.Image, colours: slice) -> NDArray[np.uint16]:
    values = np.asarray(upper)[..., colours].astype(np.uint16) << 8
    return np.asarray(values | np.asarray(lower)[..., colours])


def _values(
    upper: tuple[int, Image.Image], lower: tuple[int, Image.Image], colours: slice
) -> tuple[int, int, bool]:
    values = _sixteen(upper[1], lower[1], colours)
    return int(values.min()), int(values.max()), bool((values % 257 == 0).all())
