"""Large and risky files are decoded by processes with a limit of memory and a deadline."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from gallery.errors import BusyError, NotAnImageError, SemsearchError, TooLargeError
from gallery.imaging import budget, memory
from gallery.imaging.decoding import ImageLimits, check, decode, decode_with_facts, held, inspect
from gallery.imaging.processes import decoder_processes
from gallery.imaging.processes.process_pool import POOL, DecoderProcess
from tests.support.hostile.large_images import flat, gif, noisy, png, saved, webp_lossless
from tests.support.hostile.watching import watched

LIMITS = ImageLimits()
ROOT = Path(__file__).resolve().parents[3]
SMALL_TIFF = saved(noisy("RGB", (64, 48)), "TIFF", compression="tiff_lzw")


@pytest.fixture(autouse=True)
def no_process_waits() -> Iterator[None]:
    """Begin and end without processes, with all of the memory."""
    POOL.end()
    yield
    POOL.end()
    assert (budget.SMALL.used, budget.LARGE.used, budget.PLACES.used) == (0, 0, 0)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[DecoderProcess]:
    """Return the processes that are started."""
    found: list[DecoderProcess] = []
    begin = DecoderProcess.__init__

    def noted(self: DecoderProcess) -> None:
        begin(self)
        found.append(self)

    monkeypatch.setattr(DecoderProcess, "__init__", noted)
    return found


def test_a_time_limit_of_all_new_sockets_is_none_of_a_decoder_process() -> None:
    socket.setdefaulttimeout(5.0)  # as Celery does while a worker ends
    try:
        assert decode(SMALL_TIFF, LIMITS).shape == (48, 64, 3)
        large = decode(saved(noisy("RGB", (1_500, 1_000)), "TIFF"), LIMITS)
    finally:
        socket.setdefaulttimeout(None)
    assert large.shape == (1_000, 1_500, 3)


def test_usual_small_images_need_no_process(started: list[DecoderProcess]) -> None:
    for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP"):
        assert decode(saved(noisy("RGB", (640, 480)), name), LIMITS).shape == (480, 640, 3)
    phone = saved(flat("RGB", (4000, 3000)), "JPEG")
    assert decode(phone, LIMITS, shortest_side=224).shape == (375, 500, 3)
    assert started == []


def test_one_process_serves_again_and_again(started: list[DecoderProcess]) -> None:
    for _ in range(3):
        assert decode(SMALL_TIFF, LIMITS).shape == (48, 64, 3)
        with pytest.raises(NotAnImageError):
            decode(SMALL_TIFF[:100], LIMITS)
    assert len(started) == 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(webp_lossless((9_999, 9_999)), id="WebP"),
        pytest.param(png((16_000, 12_000), 8, 6), id="PNG"),
        pytest.param(gif((30_000, 9_990), (8, 8)), id="GIF"),
    ],
)
def test_what_never_fits_is_refused_by_its_header(data: bytes, started: list[DecoderProcess]) -> None:
    with (
        watched() as taken,
        pytest.raises(TooLargeError, match="as JPEG, or raise DECODE_MEMORY_MB"),
    ):
        decode(data, LIMITS, shortest_side=224)
    assert started == []
    assert taken.tree < 2**23


@pytest.mark.parametrize("name", ["AVIF", "TIFF"])
def test_what_only_its_decoder_knows_to_be_too_large_is_refused_before_it_is_decoded(
    name: str, started: list[DecoderProcess]
) -> None:
    data = saved(flat("RGB", (6_000, 2_000)), name, speed=10, compression="tiff_adobe_deflate")
    small = replace(LIMITS, memory_bytes=128 * 2**20)
    with watched() as taken, pytest.raises(TooLargeError, match="6,000 x 2,000 pixels takes"):
        decode(data, small)
    assert taken.tree < 96 * 2**20
    assert decode(SMALL_TIFF, small).shape == (48, 64, 3)
    assert len(started) == 1  # the process was asked again


def test_a_large_jpeg_is_read_at_a_reduced_scale() -> None:
    data = saved(flat("L", (20_000, 10_000)), "JPEG")
    with watched() as taken:
        facts, rgb = decode_with_facts(data, LIMITS, shortest_side=224)
    assert (facts.width, facts.height) == (20_000, 10_000)
    assert rgb.shape == (1_250, 2_500, 3)
    assert taken.tree < 128 * 2**20
    with pytest.raises(TooLargeError):
        decode(data, LIMITS)


@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_a_large_image_is_shrunk_by_whole_steps_where_it_is_decoded(name: str) -> None:
    gradient = np.linspace(0, 255, 3_000).astype(np.uint8)[None, :, None].repeat(1_500, 0).repeat(3, 2)
    data = saved(Image.fromarray(gradient), name, speed=10, method=0, compress_level=1)
    facts, rgb = decode_with_facts(data, LIMITS, shortest_side=160, longest_side=200)
    assert (facts.width, facts.height) == (3_000, 1_500)
    assert rgb.shape == (500, 1_000, 3)
    assert rgb.flags.c_contiguous
    assert rgb.flags.writeable
    assert np.abs(rgb[0, :, 0].astype(int) - np.linspace(0, 255, 1_000)).max() < 4


def test_a_large_image_of_which_next_to_nothing_is_wanted_takes_no_more_than_is_reckoned() -> None:
    data = png((7_000, 5_000), 8, 2)
    with watched() as taken:
        facts, rgb = decode_with_facts(data, LIMITS, shortest_side=1)
    assert (facts.width, facts.height) == (7_000, 5_000)
    # by a factor of which the rows make a band: 2 ** 18 pixels
    assert rgb.shape == (-(-5_000 // 37), -(-7_000 // 37), 3)
    assert taken.tree < 320 * 2**20


def test_an_image_of_fewer_than_four_million_pixels_is_not_shrunk() -> None:
    assert memory.LARGE_RESULT_PIXELS == 4_000_000
    assert decode(png((2_000, 1_999), 1, 0), LIMITS, shortest_side=16).shape == (1_999, 2_000, 3)


def test_facts_are_told_without_decoding() -> None:
    facts = inspect(saved(flat("RGB", (6_000, 2_000)), "AVIF", speed=10), LIMITS)
    assert (facts.format, facts.width, facts.height) == ("AVIF", 6_000, 2_000)
    assert inspect(saved(noisy("RGB", (64, 48)), "WEBP"), LIMITS).height == 48


def test_a_file_past_its_deadline_is_refused_and_the_next_one_read(started: list[DecoderProcess]) -> None:
    slow = saved(noisy("RGB", (3_000, 2_500)), "TIFF", compression="tiff_lzw")
    with pytest.raises(TooLargeError, match=r"more than the 0\.01 seconds"):
        decode(slow, replace(LIMITS, decode_s=0.01))
    assert decode(slow, LIMITS).shape == (2_500, 3_000, 3)
    assert len(started) == 2
    assert not started[0].is_alive


def test_a_decoder_that_dies_is_replaced(started: list[DecoderProcess]) -> None:
    decode(SMALL_TIFF, LIMITS)
    os.kill(started[0].pid, signal.SIGSTOP)  # it does not even notice that it is asked

    def die() -> None:
        for number in (signal.SIGSEGV, signal.SIGCONT):
            os.kill(started[0].pid, number)

    threading.Timer(0.3, die).start()
    with pytest.raises(NotAnImageError, match="gave up"):
        decode(SMALL_TIFF, LIMITS)
    assert decode(SMALL_TIFF, LIMITS).shape == (48, 64, 3)
    assert len(started) == 2


def test_a_decoder_that_takes_more_memory_than_was_reckoned_is_stopped(
    monkeypatch: pytest.MonkeyPatch, started: list[DecoderProcess]
) -> None:
    data = saved(flat("RGB", (4_000, 3_000)), "BMP")
    monkeypatch.setattr(decoder_processes, "memory_needed", lambda *_, **__: 2**20)
    with pytest.raises(TooLargeError, match="more memory than its size explains"):
        decode(data, LIMITS)
    monkeypatch.undo()
    assert decode(data, LIMITS).shape == (3_000, 4_000, 3)


def test_who_finds_no_room_is_told_to_come_again() -> None:
    limits = replace(LIMITS, wait_s=0.1)
    capacity = budget.large_bytes(limits.memory_bytes)
    with budget.LARGE.taken(capacity, capacity, 1.0), pytest.raises(BusyError, match="try again"):
        decode(SMALL_TIFF, limits)
    small = saved(noisy("RGB", (64, 48)), "PNG")
    with budget.LARGE.taken(capacity, capacity, 1.0):  # a small image waits for no large one
        assert decode(small, limits).shape == (48, 64, 3)
    assert decode(SMALL_TIFF, limits).shape == (48, 64, 3)


def test_an_image_counts_until_whoever_asked_is_done_with_it() -> None:
    limits = replace(LIMITS, memory_bytes=152 * 2**20, wait_s=0.1)
    strip = png((20_000, 690), 1, 0)
    with held(strip, limits, shortest_side=690) as (facts, rgb):
        assert (facts.width, facts.height) == (20_000, 690)
        assert rgb.shape == (690, 20_000, 3)
        assert (budget.LARGE.used, budget.PLACES.used) == (rgb.nbytes, 0)
        with pytest.raises(BusyError, match="try again"), held(strip, limits, shortest_side=690):
            pass
        assert decode(SMALL_TIFF, limits).shape == (48, 64, 3)  # there is room for that
    check(strip, limits)
    with pytest.raises(ZeroDivisionError), held(strip, limits, shortest_side=690):
        raise ZeroDivisionError
    assert budget.LARGE.used == 0


def test_a_small_image_counts_among_small_ones_until_whoever_asked_is_done_with_it() -> None:
    small = saved(noisy("RGB", (640, 480)), "PNG")
    with held(small, LIMITS) as (_, rgb):
        assert budget.SMALL.used >= rgb.nbytes
        assert budget.LARGE.used == 0
    with pytest.raises(NotAnImageError), held(small[:2_000], LIMITS):
        pass
    assert budget.SMALL.used == 0


def test_many_who_hold_large_images_stay_within_the_memory_and_each_has_a_turn() -> None:
    strip = png((20_000, 690), 1, 0)
    limits = replace(LIMITS, memory_bytes=160 * 2**20, wait_s=300.0, most_waiting=10)
    lock, holding = threading.Lock(), 0
    seen: list[tuple[int, int]] = []

    def work() -> None:
        nonlocal holding
        with held(strip, limits, shortest_side=690) as (_, rgb):
            with lock:
                holding += rgb.nbytes
                seen.append((holding, budget.LARGE.used))
            time.sleep(0.05)
            with lock:
                holding -= rgb.nbytes

    with watched() as taken:
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300.0)
    assert len(seen) == 3
    for together, counted in seen:
        assert 690 * 20_000 * 3 <= together <= counted <= budget.large_bytes(limits.memory_bytes)
    assert taken.own < limits.memory_bytes


def test_many_at_once_stay_within_the_memory() -> None:
    images = [
        webp_lossless((2_500, 2_000)),
        png((5_000, 4_500), 8, 2),
        saved(flat("RGB", (2_500, 2_000)), "AVIF", speed=10),
        saved(flat("RGB", (5_000, 4_500)), "TIFF", compression="tiff_adobe_deflate"),
    ]
    limits = replace(LIMITS, memory_bytes=256 * 2**20, wait_s=300.0, most_waiting=10, decode_s=60.0)
    outcomes: list[str] = []

    def work(data: bytes) -> None:
        try:
            decode(data, limits, shortest_side=224)
        except SemsearchError as error:
            outcomes.append(error.code)
        else:
            outcomes.append("decoded")

    with watched() as taken:
        threads = [threading.Thread(target=work, args=(data,)) for data in images * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300.0)
    assert outcomes == ["decoded"] * 8
    assert taken.tree < limits.memory_bytes
    assert taken.own < 64 * 2**20


def test_a_process_knows_nothing_of_ours(
    started: list[DecoderProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "do not tell")
    decode(SMALL_TIFF, LIMITS)
    process = psutil.Process(started[0].pid)
    assert "SECRET_KEY" not in process.environ()
    modules = subprocess.run(
        [sys.executable, "-c", "import sys, gallery.imaging.processes.decoder_process; print(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert {"django", "celery", "simplejpeg"} & set(modules) == {"simplejpeg"}


def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    program = (
        "import os, sys, pathlib\n"
        "from gallery.imaging.decoding import ImageLimits, decode\n"
        "from gallery.imaging.processes.process_pool import POOL\n"
        "decode(pathlib.Path(sys.argv[1]).read_bytes(), ImageLimits())\n"
        "print(POOL.take().pid, flush=True)\n"
        "os._exit(0)\n"
    )
    file = tmp_path / "image.tif"
    file.write_bytes(SMALL_TIFF)
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    pid, deadline = int(done.stdout), time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)
