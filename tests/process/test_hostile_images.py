"""Hostile images, many at once, on a real site: it stays within its memory and answers everybody else.

`make test-hostile` sends each of them in every way, and very long ones to all threads at once; otherwise each
is sent in one, and all are imported.
"""

from __future__ import annotations

import io
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial

import psutil
import pytest

from tests.conftest import image_bytes
from tests.support.hostile.large_images import flat, gif, png, saved, webp_lossless
from tests.support.prepared import Prepared
from tests.support.site import RunningSite

pytestmark = pytest.mark.process

FEW = "few"
MEBIBYTE = 2**20
WEB_BYTES = 900 * MEBIBYTE
WORKER_BYTES = 1536 * MEBIBYTE
ANSWERS = {200, 201, 413, 415, 503}


def hostile_files() -> dict[str, bytes]:
    """Return images that are refused by what they declare, and the largest that are read."""
    return {
        "declares.webp": webp_lossless((9_999, 9_999)),
        "read.webp": webp_lossless((4_900, 5_000)),
        "declares.avif": saved(flat("RGB", (8_000, 5_000)), "AVIF", speed=10),
        "read.avif": saved(flat("RGB", (5_000, 5_000)), "AVIF", speed=10),
        "read.tif": saved(flat("RGB", (8_500, 8_500)), "TIFF", compression="tiff_adobe_deflate"),
        "read.gif": gif((30_000, 5_000), (8, 8)),
        "read.png": png((20_000, 12_000), 1, 0),
        "read.jpg": saved(flat("L", (16_000, 12_500)), "JPEG"),
    }


@contextmanager
def most_memory(process: psutil.Process) -> Iterator[list[int]]:
    """Watch the memory of a process and all it starts; what is returned is the most that it was."""
    most, is_over = [0], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.1):
            with suppress(psutil.Error):
                found = [process, *process.children(recursive=True)]
                most[0] = max(most[0], sum(one.memory_info().rss for one in found))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield most
    finally:
        is_over.set()
        watcher.join()


def asked_meanwhile(site: RunningSite, is_over: threading.Event) -> list[tuple[str, int, float]]:
    """Ask for a sign of life and for an ordinary search until it is over; returns status and seconds."""
    found: list[tuple[str, int, float]] = []
    while not is_over.wait(0.2):
        for name in ("healthz", "search"):
            started = time.monotonic()
            if name == "healthz":
                status = site.get("/healthz")[0]
            else:
                status = site.post("/api/v1/search/", ("q.png", image_bytes(5)), dataset=FEW)[0]
            found.append((name, status, time.monotonic() - started))
    return found


@pytest.mark.parametrize("every_way", [False, pytest.param(True, marks=pytest.mark.hostile)])
def test_hostile_images_three_at_once_leave_the_site_its_memory_and_its_answers(
    prepared: Prepared, every_way: bool
) -> None:
    hostile = hostile_files()
    with RunningSite(prepared.home, token=prepared.token, SEARCH_THROTTLE="10000/min") as site:
        assert site.post("/api/v1/datasets/", slug=FEW, name="Few")[0] == 201
        assert _imported(site, {f"{seed}.png": image_bytes(seed) for seed in range(8)})["images"] == 8
        assert site.post("/api/v1/search/", ("q.png", image_bytes(5)), dataset=FEW)[0] == 200
        is_over = threading.Event()
        with ThreadPoolExecutor(4) as pool, most_memory(site.part("web server")) as web:
            others = pool.submit(asked_meanwhile, site, is_over)
            try:
                answers = list(pool.map(lambda case: _asked(site, *case), _cases(hostile, every_way)))
            finally:
                is_over.set()
        assert {status for _, status, _ in answers} <= ANSWERS, answers
        by_name = {(name, path): status for name, status, path in answers}
        assert {by_name["declares.webp", path] for path in ("search", "images")} == {413}
        for name, status, seconds in others.result():
            assert status == 200, (name, status)
            assert seconds < (1.0 if name == "healthz" else 5.0), (name, seconds)
        assert web[0] < WEB_BYTES, f"{web[0] / MEBIBYTE:.0f} MiB"

        with most_memory(site.part("worker")) as worker:
            counts = _imported(site, hostile)
        assert counts["failed"] + counts["duplicates"] + counts["images"] == len(hostile)
        assert worker[0] < WORKER_BYTES, f"{worker[0] / MEBIBYTE:.0f} MiB"


@pytest.mark.hostile
def test_very_long_images_sixteen_at_once_leave_the_site_its_memory_and_its_answers(
    prepared: Prepared,
) -> None:
    with RunningSite(prepared.home, token=prepared.token, SEARCH_THROTTLE="10000/min") as site:
        assert site.post("/api/v1/datasets/", slug=FEW, name="Few")[0] == 201
        assert _imported(site, {f"{seed}.png": image_bytes(seed) for seed in range(8)})["images"] == 8
        is_over = threading.Event()
        with ThreadPoolExecutor(17) as pool, most_memory(site.part("web server")) as web:
            others = pool.submit(asked_meanwhile, site, is_over)
            try:
                for name, data in long_files().items():
                    kept = site.post("/api/v1/uploads/", (name, data))[1]["upload"]
                    for ask in (
                        partial(_asked, site, name, data, "search"),
                        partial(_asked, site, name, data, "images"),
                        partial(_asked_with_kept, site, kept),
                    ):
                        statuses = {status for _, status, _ in pool.map(lambda _, ask=ask: ask(), range(16))}
                        assert statuses <= ANSWERS | {409}, (name, statuses)
                    assert _asked(site, name, data, "search")[1] == 200, name
            finally:
                is_over.set()
        for name, status, seconds in others.result():
            assert status == 200, (name, status)
            assert seconds < (1.0 if name == "healthz" else 5.0), (name, seconds)
        assert web[0] < WEB_BYTES, f"{web[0] / MEBIBYTE:.0f} MiB"


def long_files() -> dict[str, bytes]:
    """Return images of which little can be left out: networks take all of the short side."""
    return {
        "wide.png": png((65_000, 690), 8, 2),
        "tall.png": png((690, 65_000), 1, 0),
        "wide.jpg": saved(flat("L", (65_000, 690)), "JPEG"),
        "wide.gif": gif((65_000, 690), (8, 8)),
        "wide.tif": saved(flat("RGB", (65_000, 690)), "TIFF", compression="tiff_adobe_deflate"),
        "wide.webp": webp_lossless((16_383, 1_200)),
    }


def _asked_with_kept(site: RunningSite, upload: str) -> tuple[str, int, str]:
    """Search with an image in several ways at once: all of it, parts of it, and explained."""
    boxes = ([0, 0, 1, 1], [0, 0.01, 0.99, 0.95], [0.01, 0, 1, 0.95])
    like = [{"upload": upload, "box": box} for box in boxes]
    status, _ = site.post("/api/v1/search/", like=like, datasets=[FEW], explain=True)
    return "kept", status, "document"


def _cases(hostile: dict[str, bytes], every_way: bool) -> list[tuple[str, bytes, str]]:
    ways: dict[str, tuple[str, ...]] = dict.fromkeys(hostile, ("search", "images", "search"))
    if not every_way:
        ways = {name: (("search", "images")[number % 2],) for number, name in enumerate(hostile)}
        ways["declares.webp"] = ("search", "images")
    return [(name, hostile[name], path) for name, paths in ways.items() for path in paths]


def _asked(site: RunningSite, name: str, data: bytes, path: str) -> tuple[str, int, str]:
    status, answer = site.post(f"/api/v1/{path}/", (name, data), dataset=FEW)
    if status >= 400:
        assert len(answer["error"]["detail"]) > 20, answer
    return name, status, path


def _imported(site: RunningSite, files: dict[str, bytes]) -> dict[str, int]:
    """Import files as a zip and return what the job counted."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"one/{name}", data)
    status, job = site.post(f"/api/v1/datasets/{FEW}/upload/", ("images.zip", target.getvalue()))
    assert status == 202, job
    ended = site.job_ended(job["id"])
    assert ended["state"] == "succeeded", ended
    counts: dict[str, int] = ended["result"]
    return counts
