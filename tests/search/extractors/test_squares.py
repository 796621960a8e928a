"""Where the square that a network takes lies over the picture that it was made of."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from gallery.errors import NotFoundError
from search.extractors.resizing import PAD_COLOUR, WHOLE, square
from search.types import RGB

SIDE = 100
SIZES = ((200, 200), (400, 200), (150, 420), (333, 200))


def with_block(width: int, height: int, *, plain: bool) -> tuple[RGB, tuple[float, float]]:
    """Return a picture with a red block, and where its middle is, as shares of the sides."""
    generator = np.random.default_rng(width)
    rgb = np.full((height, width, 3), 250, dtype=np.uint8)
    if not plain:
        rgb[:] = generator.integers(0, 120, (height, width, 1))
    top, left = int(height * 0.55), int(width * 0.45)
    tall, wide = height // 10, width // 10
    rgb[top : top + tall, left : left + wide] = (255, 0, 0)
    return rgb, ((left + wide / 2) / width, (top + tall / 2) / height)


def middle_of_red(pixels: RGB) -> tuple[float, float]:
    """Return where the red block is in a square, as shares of its side."""
    red = (pixels[:, :, 0] > 180) & (pixels[:, :, 1] < 90)
    rows, columns = np.nonzero(red)
    return (float(columns.mean()) + 0.5) / SIDE, (float(rows.mean()) + 0.5) / SIDE


@pytest.mark.parametrize("how", ["squash", "ease", "crop", "pad"])
@pytest.mark.parametrize("plain", [True, False])
def test_a_place_of_the_square_is_where_the_picture_has_it(how: str, plain: bool) -> None:
    for width, height in SIZES:
        rgb, (x, y) = with_block(width, height, plain=plain)
        found = square(rgb, SIDE, how)
        across, along = middle_of_red(found.pixels)
        x0, y0, x1, y1 = found.over
        assert x0 + across * (x1 - x0) == pytest.approx(x, abs=0.02)
        assert y0 + along * (y1 - y0) == pytest.approx(y, abs=0.02)
        if how == "squash" or (how == "ease" and not plain):
            assert (x0, y0, x1, y1) == WHOLE


def test_an_unknown_way_of_resizing_has_no_square() -> None:
    with pytest.raises(NotFoundError):
        square(np.zeros((4, 4, 3), dtype=np.uint8), SIDE, "stretch")


@pytest.mark.parametrize(("width", "height"), [(200, 131), (90, 301), (300, 300), (4, 900), (9_000, 601)])
def test_what_is_cropped_or_padded_is_as_pillow_makes_it(width: int, height: int) -> None:
    rgb, _ = with_block(width, height, plain=False)
    image, size, bicubic = Image.fromarray(rgb), (SIDE, SIDE), Image.Resampling.BICUBIC
    for how, exact in (
        ("crop", ImageOps.fit(image, size, bicubic)),
        ("pad", ImageOps.pad(image, size, bicubic, color=PAD_COLOUR)),
    ):
        apart = np.abs(square(rgb, SIDE, how).pixels.astype(int) - np.asarray(exact))
        # a large one goes to Pillow in bands, and may be rounded in another order
        assert apart.max() <= (2 if width * height > 2**22 else 0), how
