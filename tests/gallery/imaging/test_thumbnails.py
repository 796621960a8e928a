"""Thumbnails, sprites and sheets: sizes, places and colours."""

from __future__ import annotations

import numpy as np
import pytest

from gallery.errors import TooLargeError
from gallery.imaging.decoding import ImageLimits, decode, decode_with_facts
from gallery.imaging.thumbnails import sprite, sprite_sheet, thumbnail
from search.types import RGB


def plain(height: int, width: int, colour: tuple[int, int, int] = (200, 30, 30)) -> RGB:
    return np.full((height, width, 3), colour, dtype=np.uint8)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((600, 1200), (128, 256)), ((1200, 600), (256, 128)), ((40, 30), (40, 30)), ((1, 5000), (1, 256))],
)
def test_a_thumbnail_keeps_its_shape_and_is_never_enlarged(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    facts, rgb = decode_with_facts(thumbnail(plain(*size)), ImageLimits())
    assert facts.format == "JPEG"
    assert rgb.shape[:2] == expected
    assert np.abs(rgb.astype(int) - (200, 30, 30)).max() < 25


def test_a_sprite_is_fitted_whole_into_a_white_square() -> None:
    square = sprite(plain(100, 200), 48)
    assert square.shape == (48, 48, 3)
    assert (square[:12] == 255).all()
    assert (square[36:] == 255).all()
    assert (square[12:36] == (200, 30, 30)).all()


def test_a_very_narrow_image_still_leaves_a_line_in_its_sprite() -> None:
    assert (sprite(plain(1000, 1), 48)[:, 23] == (200, 30, 30)).all()


def test_a_sprite_sheet_lays_the_sprites_out_row_by_row() -> None:
    colours = [(255, 0, 0), (0, 160, 0), (0, 0, 255), (0, 0, 0), (120, 120, 0)]
    sheet = decode(sprite_sheet(np.stack([plain(16, 16, colour) for colour in colours]), 3), ImageLimits())
    assert sheet.shape == (32, 48, 3)
    for i, colour in enumerate(colours):
        row, column = divmod(i, 3)
        assert np.abs(sheet[row * 16 + 8, column * 16 + 8].astype(int) - colour).max() < 30, i
    assert (sheet[20:, 40:] > 240).all()


def test_a_sprite_sheet_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        sprite_sheet(np.zeros((0, 16, 16, 3), np.uint8), 3)


def test_a_sprite_sheet_larger_than_a_webp_can_be_is_refused() -> None:
    with pytest.raises(TooLargeError, match="several sheets"):
        sprite_sheet(np.zeros((400, 48, 48, 3), np.uint8), 1)
