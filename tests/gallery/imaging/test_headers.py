"""What headers declare is read as the decoders read it, in a bounded number of steps, or left to them."""

from __future__ import annotations

import io
import struct
import time
import zlib

import pytest
from PIL import Image

from gallery.errors import NotAnImageError
from gallery.imaging.files import formats, headers
from gallery.imaging.files.headers import Declared
from tests.support.hostile.large_images import cases, gif, noisy, png, png_chunk, saved, webp_lossless
from tests.support.hostile.mutations import mutated

SIZE = (61, 47)
ISSUED = bytes.fromhex("524946461a000000574542505650384c0d0000002f0ea7c319071011118888fe0700")


def declared(data: bytes) -> Declared | None:
    return headers.declared(formats.recognised(data), data)


GIF_SCREEN = gif(SIZE, SIZE)[:19]
WITH_MANY_DECODERS = ("TIFF", "AVIF", "HEIC", "JPEG 2000", "PNM", "PSD")
WALKED = [case for case in cases(SIZE) if not case[0].startswith(WITH_MANY_DECODERS)]


@pytest.mark.parametrize(("name", "data"), WALKED)
def test_a_header_says_the_size_that_the_decoder_says(name: str, data: bytes) -> None:
    found = declared(data)
    assert found is not None, name
    assert found.size == SIZE
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.size == SIZE


def test_of_formats_with_many_decoders_nothing_is_said() -> None:
    for name in ("TIFF", "AVIF", "HEIF", "JPEG2000", "PPM", "ICO"):
        assert declared(saved(noisy("RGB", SIZE), name)) is None


def test_a_webp_of_34_bytes_declares_a_hundred_million_pixels() -> None:
    assert webp_lossless((9_999, 9_999)) == ISSUED
    found = declared(ISSUED)
    assert found is not None
    assert found.size == (9_999, 9_999)


def test_the_canvas_of_a_webp_counts_and_not_its_frames() -> None:
    frames = [noisy("RGB", SIZE, seed) for seed in range(3)]
    data = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    wide = data[:24] + (9_998).to_bytes(3, "little") + data[27:]
    found = declared(wide)
    assert found is not None
    assert found.size == (9_999, 47)
    assert not found.plain  # its frames are walked when it is opened


def test_a_first_frame_beyond_the_screen_of_a_gif_counts() -> None:
    data = gif((8, 8), SIZE)
    found = declared(data)
    assert found is not None
    with Image.open(io.BytesIO(data)) as opened:
        assert found.size == opened.size == SIZE


def test_a_progressive_jpeg_holds_its_coefficients() -> None:
    held = {}
    for subsampling in (0, 2):
        for progressive in (False, True):
            data = saved(noisy("RGB", SIZE), "JPEG", subsampling=subsampling, progressive=progressive)
            found = declared(data)
            assert found is not None
            held[subsampling, progressive] = found.held
    assert held == {(0, False): 0.0, (0, True): 6.0, (2, False): 0.0, (2, True): 3.0}


def with_segments(count: int, body: bytes) -> bytes:
    jpeg = saved(noisy("RGB", SIZE), "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    return jpeg[:2] + segment * count + jpeg[2:]


def with_chunks(count: int, chunk: bytes) -> bytes:
    data = png(SIZE, 8, 2)
    return data[:33] + chunk * count + data[33:]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(with_segments(700_000, b"Exif\0\0x"), id="JPEG of many segments"),
        pytest.param(with_chunks(1_000_000, png_chunk(b"teXt", b"")), id="PNG of many parts"),
        pytest.param(with_chunks(1_000_000, png_chunk(b"IDAT", b"")), id="PNG of many empty parts of pixels"),
        pytest.param(GIF_SCREEN + b"!\xfe" + b"\1c" * 4_000_000 + b"\0,", id="GIF of many comments"),
        pytest.param(GIF_SCREEN + b"!\xfe\0" * 4_000_000 + b",", id="GIF of many extensions"),
        pytest.param(b"\xff\xd8\xff" + b"\xd8\xff" * 4_000_000, id="JPEG of markers without a body"),
    ],
)
def test_a_header_of_very_many_parts_costs_little_and_is_left_to_a_process(data: bytes) -> None:
    started = time.process_time()
    found = declared(data)
    assert found is None or not found.plain
    assert time.process_time() - started < 0.25


def test_metadata_that_unfolds_is_reckoned_or_left_to_a_process() -> None:
    packed = b"Comment\0\0" + zlib.compress(bytes(2**20))
    few = declared(with_chunks(2, png_chunk(b"zTXt", packed)))
    assert few is not None
    assert few.plain
    assert few.extra >= 2 * 2**20
    many = declared(with_chunks(64, png_chunk(b"zTXt", packed)))
    assert many is not None
    assert not many.plain
    long = declared(with_chunks(1, png_chunk(b"tEXt", b"Comment\0" + bytes(3 * 2**20))))
    assert long is not None
    assert not long.plain


def test_a_jpeg_of_very_many_scans_is_left_to_a_process() -> None:
    data = saved(noisy("L", SIZE), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    many = declared(data[:last] + data[last:-2] * 5_000 + data[-2:])
    assert many is not None
    assert not many.plain


def test_damaged_headers_never_raise() -> None:
    for _, data in mutated(400, seed=3):
        try:
            kind = formats.recognised(data)
        except NotAnImageError:
            continue
        found = headers.declared(kind, data)
        assert found is None or min(found.size) > 0
