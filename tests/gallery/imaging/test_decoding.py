"""Every format, colour mode, orientation and kind of damage through the door to Pillow."""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, Image, ImageOps

from gallery.errors import NotAnImageError, TooLargeError
from gallery.imaging import jpeg
from gallery.imaging.decoding import ImageLimits, decode, decode_with_facts, inspect
from search.types import RGB

LIMITS = ImageLimits()
pillow_heif.register_heif_opener()  # so that Pillow writes HEIC here


def saved(image: Image.Image, name: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, name, **options)
    return target.getvalue()


def halves(width: int = 64, height: int = 32) -> Image.Image:
    """Left half red, right half blue."""
    image = Image.new("RGB", (width, height), (255, 0, 0))
    image.paste((0, 0, 255), (width // 2, 0, width, height))
    return image


def png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def assert_red_then_blue(rgb: RGB, tolerance: int = 40) -> None:
    height, width = rgb.shape[:2]
    left = rgb[height // 2, width // 8].astype(int)
    right = rgb[height // 2, -width // 8].astype(int)
    assert np.abs(left - (255, 0, 0)).max() <= tolerance, left
    assert np.abs(right - (0, 0, 255)).max() <= tolerance, right


@pytest.mark.parametrize(
    ("pillow_name", "name", "mime", "extension"),
    [
        ("JPEG", "JPEG", "image/jpeg", "jpg"),
        ("PNG", "PNG", "image/png", "png"),
        ("WEBP", "WebP", "image/webp", "webp"),
        ("GIF", "GIF", "image/gif", "gif"),
        ("BMP", "BMP", "image/bmp", "bmp"),
        ("TIFF", "TIFF", "image/tiff", "tif"),
        ("AVIF", "AVIF", "image/avif", "avif"),
        ("HEIF", "HEIC", "image/heic", "heic"),
        ("JPEG2000", "JPEG 2000", "image/jp2", "jp2"),
        ("PPM", "PNM", "image/x-portable-anymap", "pnm"),
        ("ICO", "ICO", "image/x-icon", "ico"),
    ],
)
def test_each_format_is_recognised_and_decoded(
    pillow_name: str, name: str, mime: str, extension: str
) -> None:
    data = saved(halves(), pillow_name, **({"sizes": [(64, 32)]} if name == "ICO" else {}))
    facts, rgb = decode_with_facts(data, LIMITS)
    assert (facts.format, facts.mime, facts.extension) == (name, mime, extension)
    assert (facts.width, facts.height) == (64, 32)
    assert inspect(data, LIMITS) == facts
    assert rgb.shape == (32, 64, 3)
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous
    assert rgb.flags.writeable
    assert_red_then_blue(rgb)


@pytest.mark.parametrize(
    ("pillow_name", "words"),
    [
        ("TGA", "TGA images are not supported"),
        ("PCX", "PCX images are not supported"),
        ("PDF", "PDF documents are not supported"),
        ("EPS", "PostScript drawings are not supported"),
        ("DDS", "DDS textures are not supported"),
        ("SGI", "SGI images are not supported"),
        ("QOI", "QOI images are not supported"),
    ],
)
def test_other_formats_that_pillow_could_read_are_refused_by_their_name(pillow_name: str, words: str) -> None:
    with pytest.raises(NotAnImageError, match=words):
        decode(saved(halves(), pillow_name), LIMITS)


@pytest.mark.parametrize(
    ("name", "compression"), [("TIFF", "tiff_lzw"), ("TIFF", "jpeg"), ("TIFF", "group4")]
)
def test_compressed_tiff_is_decoded(name: str, compression: str) -> None:
    image = halves().convert("1") if compression == "group4" else halves()
    assert decode(saved(image, name, compression=compression), LIMITS).shape == (32, 64, 3)


@pytest.mark.parametrize("pillow_name", ["GIF", "WEBP", "PNG", "AVIF"])
def test_the_first_frame_of_an_animation_is_taken(pillow_name: str) -> None:
    data = saved(halves(), pillow_name, save_all=True, append_images=[Image.new("RGB", (64, 32), "green")])
    assert_red_then_blue(decode(data, LIMITS))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("pillow_name", ["JPEG", "PNG", "TIFF", "AVIF"])
def test_exif_orientation_is_applied(pillow_name: str, orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = halves().transpose(undo[orientation]) if orientation in undo else halves()
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(stored, pillow_name, exif=exif)
    facts, rgb = decode_with_facts(data, LIMITS)
    assert (facts.width, facts.height) == (64, 32)
    assert inspect(data, LIMITS) == facts
    assert rgb.shape == (32, 64, 3)
    assert_red_then_blue(rgb)


def test_broken_exif_data_does_not_refuse_the_image() -> None:
    assert_red_then_blue(decode(saved(halves(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff\xff"), LIMITS))


def test_transparency_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    half = Image.new("RGBA", (8, 8), (255, 0, 0, 128))
    for name in ("PNG", "WEBP", "TIFF", "AVIF"):
        assert (decode(saved(clear, name), LIMITS) > 250).all(), name
    assert np.abs(decode(saved(half, "PNG"), LIMITS)[0, 0].astype(int) - (255, 127, 127)).max() <= 1
    assert (decode(saved(Image.new("LA", (8, 8), (0, 0)), "PNG"), LIMITS) == 255).all()


def test_transparent_palette_entries_are_laid_on_white() -> None:
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 255, 0, 255, 0, 0])
    for name in ("PNG", "GIF"):
        assert (decode(saved(palette, name, transparency=1), LIMITS) == 255).all(), name
        assert (decode(saved(palette, name), LIMITS)[0, 0] == (255, 0, 0)).all(), name
    several = saved(palette, "PNG", transparency=bytes([255, 0]))
    assert (decode(several, LIMITS) == 255).all()


def test_a_transparent_grey_or_colour_is_laid_on_white() -> None:
    assert (decode(saved(Image.new("L", (4, 4), 7), "PNG", transparency=7), LIMITS) == 255).all()
    red = Image.new("RGB", (4, 4), (255, 0, 0))
    assert (decode(saved(red, "PNG", transparency=(255, 0, 0)), LIMITS) == 255).all()
    deep = Image.fromarray(np.full((4, 4), 700, np.uint16))
    assert (decode(saved(deep, "PNG", transparency=700), LIMITS) == 255).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_other_colour_modes_become_rgb(mode: str) -> None:
    name = {"CMYK": "JPEG", "YCbCr": "TIFF"}.get(mode, "PNG")
    white = Image.new("RGB", (16, 16), "white").convert(mode)
    assert (decode(saved(white, name), LIMITS) >= 250).all()
    black = Image.new("RGB", (16, 16), "black").convert(mode)
    assert (decode(saved(black, name), LIMITS) <= 5).all()


@pytest.mark.parametrize("name", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(name: str) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None, :].repeat(4, axis=0)
    rgb = decode(saved(Image.fromarray(ramp), name), LIMITS)
    assert np.abs(rgb[0, :, 0].astype(int) - np.arange(256)).max() <= 1


def test_grey_of_32_bits_or_floats_is_scaled_to_the_usual_white() -> None:
    unit = np.linspace(0, 1, 256, dtype=np.float32)[None, :]
    wide = (unit * 65535).astype(np.int32)
    for values in (unit, wide):
        rgb = decode(saved(Image.fromarray(values), "TIFF"), LIMITS)
        assert np.abs(rgb[0, :, 0].astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize("shortest_side", [100, 224, 260, 500, 900])
def test_a_jpeg_is_decoded_at_a_reduced_scale_that_is_large_enough(shortest_side: int) -> None:
    data = saved(halves(1603, 801), "JPEG")
    facts, rgb = decode_with_facts(data, LIMITS, shortest_side=shortest_side)
    assert (facts.width, facts.height) == (1603, 801)
    assert min(rgb.shape[:2]) >= min(shortest_side, 801)
    assert (rgb.shape[0] < 801) == (shortest_side <= 400)
    assert_red_then_blue(rgb)


def test_a_reduced_jpeg_is_still_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(halves(1600, 800).transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)
    rgb = decode(data, LIMITS, shortest_side=100)
    assert rgb.shape == (100, 200, 3)
    assert_red_then_blue(rgb)


@pytest.mark.parametrize("size", [(50_000, 50_000), (65_536, 1), (20_000, 20_000)])
def test_a_bomb_is_refused_by_its_header(size: tuple[int, int]) -> None:
    for read in (inspect, decode):
        with pytest.raises(TooLargeError, match=rf"{size[0]:,} x {size[1]:,} pixels"):
            read(png_header(*size), LIMITS)


def test_an_image_between_our_limit_and_pillows_warning_gives_no_warning() -> None:
    with warnings.catch_warnings():
        # of this alone: what other tests left behind may be warned of at any time
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        assert inspect(png_header(9_900, 9_900), LIMITS).width == 9_900


def test_a_raised_pixel_limit_reaches_past_pillows_own() -> None:
    raised = ImageLimits(max_pixels=10**9)
    before = Image.MAX_IMAGE_PIXELS
    assert inspect(png_header(20_000, 20_000), raised).width == 20_000
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_file_with_too_many_bytes_is_refused() -> None:
    with pytest.raises(TooLargeError, match=r"at most 0\.0 MiB"):
        inspect(saved(halves(), "PNG"), ImageLimits(max_bytes=10))


@pytest.mark.parametrize("pillow_name", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "JPEG2000"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_truncated_file_is_refused(pillow_name: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = saved(Image.fromarray(noise), pillow_name)
    with pytest.raises(NotAnImageError, match="truncated"):
        decode(data[: int(len(data) * share)], LIMITS)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"just a text that somebody named .jpg", "not an image"),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "SVG drawings are not supported: convert it to PNG or JPEG",
        ),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a --><svg/>", "SVG drawings are not supported"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC file but is truncated or damaged"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "films are not supported"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "run git lfs pull"),
        (b"/annex/objects/SHA256E-s1701--0b.jpg\n", "run git annex get"),
        (b"../annex/objects/o0.jpg", r"only names another file \(../annex/objects/o0.jpg\)"),
        (b"o0.jpg\n", r"only names another file \(o0.jpg\)"),
        (b"\n<!DOCTYPE html><html><title>Not found</title></html>", "this is a web page"),
        (b"\xff\xd8\xff", "truncated or damaged"),
        (b"BM", "truncated or damaged"),
    ],
)
def test_what_is_not_an_image_is_refused_in_words(data: bytes, words: str) -> None:
    for read in (inspect, decode):
        with pytest.raises(NotAnImageError, match=words):
            read(data, LIMITS)


@pytest.mark.parametrize("pillow_name", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_damaged_bytes_raise_only_our_errors(pillow_name: str) -> None:
    random = np.random.default_rng(1)
    original = np.frombuffer(saved(halves(), pillow_name), np.uint8)
    for _ in range(150):
        damaged = original.copy()
        places = random.integers(0, len(damaged), 6)
        damaged[places] = random.integers(0, 256, 6)
        try:
            rgb = decode(damaged.tobytes(), ImageLimits(max_pixels=1_000_000))
        except (NotAnImageError, TooLargeError):
            continue
        assert rgb.ndim == 3


def test_threads_decode_independently() -> None:
    small = saved(halves(), "PNG")
    huge = png_header(50_000, 50_000)
    outcomes: list[bool] = []

    def work() -> None:
        for _ in range(20):
            assert_red_then_blue(decode(small, LIMITS))
            with pytest.raises(TooLargeError):
                decode(huge, LIMITS)
        outcomes.append(True)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [True] * 4


def test_an_encoded_jpeg_decodes_to_nearly_the_same() -> None:
    rgb = np.asarray(halves()).copy()
    again = decode(jpeg.encoded(rgb, 90), LIMITS)
    assert np.abs(again.astype(int) - rgb).mean() < 5


def gradient(mode: str, width: int, height: int) -> Image.Image:
    rows, columns = np.mgrid[:height, :width]
    channels = [rows * 255 // height, columns * 255 // width, (rows * columns) % 256]
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8)).convert(mode)


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"progressive": True}])
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("size", [(801, 403), (403, 801), (2407, 1603), (7, 900), (1, 1)])
def test_a_jpeg_has_the_pixels_that_pillow_decodes(
    size: tuple[int, int], mode: str, options: dict[str, object]
) -> None:
    data = saved(gradient(mode, *size), "JPEG", quality=85, **options)
    for shortest, longest in ((None, 1), (100, 100), (260, 320)):
        with Image.open(io.BytesIO(data)) as opened:
            if shortest is not None:
                sides = (longest, shortest) if size[0] >= size[1] else (shortest, longest)
                opened.draft(None, sides)
            pixels = np.asarray(opened.convert("RGB"))
        decoded = decode(data, LIMITS, shortest_side=shortest, longest_side=longest)
        np.testing.assert_array_equal(decoded, pixels)


def test_a_jpeg_in_inks_is_decoded_as_pillow_does() -> None:
    data = saved(gradient("CMYK", 90, 70), "JPEG")
    with Image.open(io.BytesIO(data)) as opened:
        np.testing.assert_array_equal(decode(data, LIMITS), np.asarray(opened.convert("RGB")))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_jpeg_stands_as_pillow_stands_it(orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = saved(gradient("RGB", 90, 70), "JPEG", exif=exif)
    with Image.open(io.BytesIO(data)) as opened:
        upright = ImageOps.exif_transpose(opened)
    decoded = decode(data, LIMITS)
    assert decoded.flags.c_contiguous
    np.testing.assert_array_equal(decoded, np.asarray(upright))


def test_a_jpeg_of_which_the_decoder_warns_is_read_where_pillow_reads_it() -> None:
    data = saved(gradient("RGB", 90, 70), "JPEG")
    assert jpeg.decoded(data[:-2] + b"rubbish", (90, 70), 1) is None
    assert decode(data[:-2] + b"rubbish" + data[-2:], LIMITS).shape == (70, 90, 3)


def test_a_sixteen_bit_tiff_where_zero_is_white_is_inverted() -> None:
    plain = saved(Image.fromarray(np.full((4, 4), 65535, np.uint16)), "TIFF")
    entry = struct.pack("<HHL", 262, 3, 1)
    assert entry + b"\1\0" in plain
    inverted = plain.replace(entry + b"\1\0", entry + b"\0\0")
    assert (decode(plain, LIMITS) == 255).all()
    assert (decode(inverted, LIMITS) == 0).all()
