"""Images of colour profiles become sRGB; those of sRGB stay the very pixels, and take no other way."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms

from gallery.imaging import jpeg
from gallery.imaging.colours import colour_profiles
from gallery.imaging.colours.colour_profiles import GREY, INKS, NONE
from gallery.imaging.colours.colour_profiles import RGB as COLOURS
from gallery.imaging.decoding import ImageLimits, decode
from gallery.imaging.files import formats, headers
from gallery.imaging.processes import decoder_processes
from gallery.imaging.thumbnails import thumbnail
from search.types import RGB
from tests.support.kinds import profiles
from tests.support.kinds.kind import image, pixels, saved

LIMITS = ImageLimits()


def stored_as(rgb: RGB, name: str, gamma: float) -> RGB:
    """Return sRGB pixels as they are stored in another space, by the definition of both."""
    values = rgb / 255.0
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    linear = light @ np.array(profiles.COLOURANTS["sRGB"]) @ np.linalg.inv(profiles.COLOURANTS[name])
    found: RGB = (np.clip(linear, 0, 1) ** (1 / gamma) * 255 + 0.5).astype(np.uint8)
    return found


def difference(one: RGB, other: RGB) -> float:
    return float(np.abs(one.astype(int) - other).mean())


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no decoder process be asked."""

    def refused(task: object) -> None:
        raise AssertionError(f"a decoder process was asked: {task}")

    monkeypatch.setattr(decoder_processes, "done", refused)


@pytest.mark.parametrize(("name", "gamma"), [("P3", 2.2), ("AdobeRGB", 2.2), ("ProPhoto", 1.8)])
@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {"quality": 97, "subsampling": 0}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})],
)
def test_the_same_image_in_another_space_has_the_same_pixels_and_thumbnail(
    kind: str, options: dict[str, object], name: str, gamma: float
) -> None:
    stored = Image.fromarray(stored_as(pixels(), name, gamma))
    data = saved(stored, kind, icc_profile=profiles.rgb(name, gamma), **options)
    shown = decode(data, LIMITS)
    assert difference(shown, pixels()) < 1.5
    assert difference(decode(thumbnail(shown), LIMITS), decode(thumbnail(pixels()), LIMITS)) < 2.0
    assert difference(np.asarray(stored), pixels()) > 4


@pytest.mark.parametrize(
    "make", [lambda: None, lambda: profiles.rgb_by_table("sRGB"), lambda: srgb_of_lcms()]
)
def test_an_srgb_jpeg_has_the_pixels_of_libjpeg_and_is_read_where_it_is_asked_for(
    make: Callable[[], bytes | None], no_process: None
) -> None:
    data = saved(image(), "JPEG", quality=90, icc_profile=make())
    assert headers.declared(formats.JPEG, data) == headers.declared(
        formats.JPEG, saved(image(), "JPEG", quality=90)
    )
    np.testing.assert_array_equal(decode(data, LIMITS), jpeg.decoded(data, image().size, 1))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_plain_profile_needs_no_process(kind: str, no_process: None) -> None:
    decode(saved(image(), kind, icc_profile=profiles.rgb("P3", 2.2)), LIMITS)
    decode(saved(image("L"), kind, icc_profile=profiles.grey(1.8)), LIMITS)


def test_only_what_was_written_here_reaches_littlecms_outside_a_process() -> None:
    wide = profiles.rgb("P3", 2.2)
    found = colour_profiles.needed(wide, COLOURS)
    assert found.plain
    assert found.content != wide
    assert not colour_profiles.needed(profiles.inks(), INKS).plain
    with_tables = wide.replace(b"cprt", b"A2B0")
    assert not colour_profiles.needed(with_tables, COLOURS).plain
    assert not colour_profiles.needed(wide + bytes(2**16), COLOURS).plain


def test_profiles_of_other_pixels_and_rubbish_are_passed_over() -> None:
    for content, space in (
        (profiles.grey(1.0), COLOURS), (profiles.inks(), COLOURS), (profiles.rgb("P3", 1.0), INKS),
        (b"", COLOURS), (b"x" * 400, COLOURS), (profiles.rgb("P3", 2.2)[:200], COLOURS),
    ):  # fmt: skip
        assert colour_profiles.needed(content, space) == NONE


def test_mutated_profiles_are_read_or_passed_over() -> None:
    random = np.random.default_rng(0)
    for content, space in ((profiles.rgb_by_table("P3"), COLOURS), (profiles.grey(1.8), GREY)):
        original = np.frombuffer(content, np.uint8)
        for _ in range(150):
            changed = original.copy()
            changed[random.integers(0, len(changed), 8)] = random.integers(0, 256, 8)
            found = colour_profiles.needed(changed.tobytes(), space)
            if found.plain and found.content:
                mode = "L" if space == GREY else "RGB"
                shown = decode(saved(image(mode), "JPEG", icc_profile=changed.tobytes()), LIMITS)
                assert shown.shape == (64, 96, 3)


def test_a_large_image_is_converted_in_bands_as_a_small_one() -> None:
    wide = profiles.rgb("ProPhoto", 1.8)
    large = Image.fromarray(pixels(1200, 700))
    data = saved(large, "PNG", icc_profile=wide, compress_level=1)
    expected = ImageCms.profileToProfile(
        large,
        io.BytesIO(wide),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
    )
    assert difference(decode(data, LIMITS), np.asarray(expected)) < 0.1


def srgb_of_lcms() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
