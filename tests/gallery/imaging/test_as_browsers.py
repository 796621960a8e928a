"""Files as browsers take them: cut, deep, with an orientation that they ignore; camera raw; the limits."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gallery.errors import NotAnImageError, TooLargeError
from gallery.imaging.colours.deep_greys import Range, usual_range
from gallery.imaging.decoding import ImageLimits, decode, decode_with_facts, inspect
from tests.support.kinds import unshown
from tests.support.kinds.kind import image, pixels, png_of, saved, xmp

LIMITS = ImageLimits()


def jpeg(**options: object) -> bytes:
    return saved(image(), "JPEG", quality=92, **options)


@pytest.mark.parametrize(
    "options", [{}, {"subsampling": 0}, {"progressive": True}, {"restart_marker_blocks": 2}]
)
def test_a_jpeg_without_its_end_marker_is_whole(options: dict[str, object]) -> None:
    data = jpeg(**options)
    facts, rgb = decode_with_facts(data[:-2], LIMITS)
    np.testing.assert_array_equal(rgb, decode(data, LIMITS))
    assert facts.note == "The file lacks its end marker; the image is whole."
    assert decode_with_facts(data, LIMITS)[0].note == ""


@pytest.mark.parametrize("share", [0.6, 0.8, 0.95])
def test_a_cut_jpeg_is_shown_as_far_as_it_goes(share: float) -> None:
    data = jpeg(subsampling=0)
    facts, rgb = decode_with_facts(data[: int(len(data) * share)], LIMITS)
    whole = decode(data, LIMITS)
    missing = (rgb == 255).all(axis=(1, 2))
    there = int(np.argmax(missing))
    assert 8 <= there < 64
    assert missing[there:].all()
    np.testing.assert_array_equal(rgb[: there - 1], whole[: there - 1])
    assert facts.note.startswith("The file is cut off")
    assert (facts.width, facts.height) == (96, 64)


def test_a_large_cut_jpeg_is_read_at_a_reduced_scale() -> None:
    large = saved(Image.fromarray(pixels(1600, 1200)), "JPEG")
    rgb = decode(large[: len(large) * 3 // 4], LIMITS, shortest_side=200)
    assert rgb.shape == (300, 400, 3)
    assert not (rgb[:150] == 255).all()
    assert (rgb[-10:] == 255).all()


def test_a_jpeg_of_which_nothing_can_be_seen_is_refused() -> None:
    data = jpeg()
    start = data.index(b"\xff\xda")
    for cut in (data[: start + 20], data[:start]):
        with pytest.raises(NotAnImageError, match="truncated or damaged"):
            decode(cut, LIMITS)


@pytest.mark.parametrize("name", ["JPEG", "WEBP", "AVIF"])
def test_what_xmp_says_of_the_orientation_counts_no_more_than_in_browsers(name: str) -> None:
    data = saved(image(), name, xmp=xmp(6))
    facts, rgb = decode_with_facts(data, LIMITS)
    assert (facts.width, facts.height) == (96, 64)
    assert rgb.shape == (64, 96, 3)
    assert inspect(data, LIMITS) == facts


@pytest.mark.parametrize(
    ("low", "high", "floats", "shown"),
    [
        (0, 65535, False, (0, 65535)),
        (900, 40000, False, (0, 65535)),
        (0, 4095, False, (0, 4095)),
        (20, 3000, False, (0, 4095)),
        (0, 250, False, (0, 255)),
        (0, 900, False, (0, 1023)),
        (500, 4500, False, (500, 4500)),  # depths in millimetres
        (28_000, 31_000, False, (28_000, 31_000)),  # temperatures
        (-1024, 3071, False, (-1024, 3071)),  # tomography
        (7, 7, False, (0, 255)),
        (0.0, 1.0, True, (0, 1)),
        (0.1, 0.8, True, (0, 1)),
        (0.0, 255.0, True, (0, 255)),
        (290.0, 310.0, True, (290, 310)),
        (-400.0, 8000.0, True, (-400, 8000)),
    ],
)
def test_values_are_stretched_by_the_range_in_use(
    low: float, high: float, floats: bool, shown: tuple[float, float]
) -> None:
    assert usual_range(low, high, floats=floats) == Range(*shown)


def test_what_stands_for_no_value_is_no_part_of_the_range() -> None:
    grey = np.asarray(image("L")).astype(np.uint16)[..., None]
    depths = grey * 12 + 500
    with_holes = depths.copy()
    with_holes[:8] = 65535
    whole, holed = (decode(png_of(values, 16, 0), LIMITS) for values in (depths, with_holes))
    np.testing.assert_allclose(whole[8:].astype(int), holed[8:], atol=12)
    assert (holed[:8] == 255).all()
    floats = grey[..., 0] / np.float32(255)
    floats[:3], floats[3] = np.nan, np.inf
    rgb = decode(saved(Image.fromarray(floats), "TIFF"), LIMITS)
    np.testing.assert_allclose(rgb[4:, :, 0].astype(int), grey[4:, :, 0], atol=1)


def test_colours_of_twelve_bits_in_sixteen_keep_all_their_steps() -> None:
    values = pixels().astype(np.uint16) * 16 + 8
    for data in (png_of(values, 16, 2), unshown.tiff(values, 16), unshown.tiff(values, 16, order=">")):
        np.testing.assert_allclose(decode(data, LIMITS).astype(int), pixels(), atol=1)
    grey = np.asarray(image("L")).astype(np.uint16)[..., None] * 16 + 8
    opaque = np.concatenate([grey, np.full_like(grey, 65535)], axis=-1)
    for interlaced in (False, True):
        rgb = decode(png_of(opaque, 16, 4, interlaced=interlaced), LIMITS)
        np.testing.assert_allclose(rgb[..., 0].astype(int), np.asarray(image("L")), atol=1)
    full = pixels().astype(np.uint16) * 257
    for data in (png_of(full, 16, 2), png_of(full // 8 * 257 // 257, 16, 2)):
        assert decode(data, LIMITS).shape == (64, 96, 3)
    np.testing.assert_array_equal(decode(png_of(full, 16, 2), LIMITS), pixels())
    dark = pixels().astype(np.uint16) // 8 * 257
    np.testing.assert_array_equal(decode(png_of(dark, 16, 2), LIMITS), pixels() // 8)


def test_camera_raw_is_its_preview_and_never_a_thumbnail() -> None:
    preview = saved(Image.fromarray(pixels(640, 480)), "JPEG")
    small = saved(Image.fromarray(pixels(160, 120)), "JPEG")
    facts, rgb = decode_with_facts(unshown.dng(preview, small), LIMITS)
    assert (facts.format, facts.width, facts.height) == ("camera raw", 640, 480)
    assert facts.note == "Camera raw, shown by its preview of 640 x 480 pixels."
    np.testing.assert_array_equal(rgb, decode(preview, LIMITS))
    assert inspect(unshown.dng(preview, small), LIMITS) == facts
    for file in (unshown.dng(b"", small), unshown.dng(b"", b"")):
        with pytest.raises(NotAnImageError, match="this is camera raw"):
            decode(file, LIMITS)


def test_limits_name_the_setting_that_changes_them() -> None:
    wide = saved(Image.new("L", (31_000, 40)), "JPEG")
    assert inspect(wide, LIMITS).width == 31_000
    with pytest.raises(TooLargeError, match=r"31,000 x 40 pixels; at most 30,000 a side .* MAX_PICTURE_SIDE"):
        inspect(wide, ImageLimits(max_side=30_000))
    with pytest.raises(TooLargeError, match=r"at most 1,000,000 in all .* MAX_PICTURE_PIXELS"):
        inspect(wide, ImageLimits(max_pixels=1_000_000))
    with pytest.raises(TooLargeError, match="MAX_PICTURE_BYTES"):
        inspect(wide, ImageLimits(max_bytes=1_000))
    with pytest.raises(TooLargeError, match="DECODE_MEMORY_MB"):
        decode(saved(Image.new("RGB", (4_000, 3_000)), "PNG"), ImageLimits(memory_bytes=64 * 2**20))
