"""Scaling pictures: as Pillow does it, from any thread, whatever the sizes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gallery.imaging import resizing
from gallery.imaging.resizing import resize
from gallery.imaging.types import RGB
from tests.support.hostile.watching import watched

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = sorted((ROOT / "sample_data" / "objects200").rglob("*.jpg"))[::20]


def sample(number: int) -> RGB:
    return np.asarray(Image.open(SAMPLES[number]).convert("RGB"))


def by_pillow(rgb: RGB, width: int, height: int) -> RGB:
    return np.asarray(
        Image.fromarray(rgb).resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
    )


@pytest.mark.parametrize("size", [(260, 260), (96, 150), (320, 40), (500, 400), (30, 20)])
def test_it_scales_as_pillow_does(size: tuple[int, int]) -> None:
    for number in range(len(SAMPLES)):
        rgb = sample(number)
        found, exact = resize(rgb, *size), by_pillow(rgb, *size)
        assert found.shape == exact.shape
        apart = np.abs(found.astype(int) - exact)
        assert apart.mean() < 0.5
        assert (apart > 3).mean() < 0.02


def test_one_pixel_grows_and_many_shrink_to_one() -> None:
    assert (resize(np.full((1, 1, 3), 200, dtype=np.uint8), 5, 4) == 200).all()
    assert abs(int(resize(np.full((2000, 1500, 3), 77, dtype=np.uint8), 1, 1)[0, 0, 0]) - 77) <= 1


def test_a_part_of_a_larger_image_is_scaled_as_itself() -> None:
    rgb = sample(0)[::-1, 10:-10]
    np.testing.assert_array_equal(resize(rgb, 90, 80), resize(rgb.copy(), 90, 80))


def test_threads_do_not_disturb_each_other() -> None:
    images = [sample(number % len(SAMPLES)) for number in range(40)]
    alone = [resize(rgb, 120, 90) for rgb in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda rgb: resize(rgb, 120, 90), images))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def tiled(height: int, width: int) -> RGB:
    """Return a large picture made of a small one."""
    rgb = sample(0)
    times = (-(-height // rgb.shape[0]), -(-width // rgb.shape[1]), 1)
    return np.ascontiguousarray(np.tile(rgb, times)[:height, :width])


@pytest.mark.parametrize("size", [(320, 300), (300, 700), (1_500, 400)])
def test_a_large_image_in_bands_has_the_values_of_the_whole(size: tuple[int, int]) -> None:
    rgb = tiled(1_431, 1_501)
    assert rgb.shape[0] * rgb.shape[1] > resizing.WHOLE_PIXELS
    np.testing.assert_array_equal(resize(rgb, *size), resizing._resized(rgb, *size))


@pytest.mark.parametrize("shape", [(1_231, 2_503), (8_001, 300), (60, 40_001)])
def test_a_large_image_is_shrunk_in_steps_as_pillow_does(shape: tuple[int, int]) -> None:
    rgb = tiled(*shape)
    assert rgb.shape[0] * rgb.shape[1] > resizing.WHOLE_PIXELS
    for size in ((200, 200), (300, 90)):
        np.testing.assert_array_equal(resize(rgb, *size), by_pillow(rgb, *size))


@pytest.mark.parametrize("shape", [(345, 65_000), (65_000, 345)])
def test_a_long_image_is_scaled_without_a_copy_of_it(shape: tuple[int, int]) -> None:
    rgb = np.full((*shape, 3), 77, dtype=np.uint8)
    with watched() as taken:
        assert (resize(rgb, 260, 260) == 77).all()
        assert (resizing.part_by_pillow(rgb, 200, 200, (40, 40, 300, 300)) == 77).all()
    assert taken.own < rgb.nbytes // 3
