"""The site outlives its parts, a full disk and a silent broker: it answers soon and loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import image_bytes
from tests.support import services
from tests.support.prepared import DATASET, Prepared, copy_of
from tests.support.site import PARTS, RunningSite, count, report, until

pytestmark = [pytest.mark.process, pytest.mark.embedded]

ANSWERS_WITHIN_S = 5.0
BACK_WITHIN_S = 30.0
SEARCH = ("/api/v1/search/", ("q.png", image_bytes(1)))
DISK_MB, MIN_FREE_MB = 128, 16


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return an empty folder on a small disk of its own."""
    folder = tmp_path_factory.mktemp("disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "none", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def site(template: Prepared, disk: Path) -> Iterator[RunningSite]:
    """Return a running site on the small disk, with three images that can be searched."""
    copied = copy_of(template, disk / "home")
    given = {"MIN_FREE_MB": str(MIN_FREE_MB), "SEARCH_THROTTLE": "1000000/s", "EXTRACT_BATCH": "1"}
    with RunningSite(copied.home, token=copied.token, **given) as running:
        assert running.post("/api/v1/datasets/", slug="few", name="Few")[0] == 201
        for seed in range(3):
            assert add(running, seed)[0] == 201
        yield running
        assert "Traceback" not in running.log()


@contextmanager
def filled(disk: Path, *, left_mb: float) -> Iterator[None]:
    """Leave so little free space on a disk meanwhile."""
    ballast = disk / "ballast"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with ballast.open("wb") as file, suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, int(free - left_mb * 2**20))
    try:
        time.sleep(1.1)  # what was seen a second ago counts
        yield
    finally:
        ballast.unlink()


def add(site: RunningSite, seed: int, dataset: str = "few") -> Any:
    return within(site.post, "/api/v1/images/", (f"{seed}.png", image_bytes(seed)), dataset=dataset)


def searched(site: RunningSite) -> Any:
    return within(site.post, *SEARCH, dataset="few")


def within(ask: Any, *args: Any, **kwargs: Any) -> Any:
    """Return an answer. Raises: AssertionError where it took too long."""
    began = time.monotonic()
    answer = ask(*args, **kwargs)
    assert time.monotonic() - began < ANSWERS_WITHIN_S, answer
    return answer


def is_well(site: RunningSite) -> bool:
    with suppress(OSError):
        return bool(site.get("/readyz")[0] == searched(site)[0] == 200)
    return False


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_dies_is_started_again(site: RunningSite, name: str) -> None:
    before = site.part(name).pid
    site.part(name).kill()

    def another() -> bool:
        with suppress(AssertionError):
            return bool(site.part(name).pid != before)
        return False

    until(another, within_s=BACK_WITHIN_S, what=f"another {name}")
    until(lambda: is_well(site), within_s=BACK_WITHIN_S, what="the site is well")
    assert f"The {name} was killed by SIGKILL; it is started again." in site.log()
    assert site.supervisor.poll() is None


def test_on_a_full_disk_writes_are_refused_jobs_rest_and_searches_go_on(
    site: RunningSite, disk: Path
) -> None:
    status, added = add(site, 10, DATASET)
    assert status == 201, added
    job = added["job"]["id"]
    until(lambda: count(site.home, "search_embedding") > 5, within_s=60, what="an extraction has begun")
    with filled(disk, left_mb=MIN_FREE_MB / 2):
        status, answer = add(site, 11)
        assert (status, answer["error"]["code"]) == (507, "disk_full"), answer
        assert "free space" in answer["error"]["detail"]
        assert searched(site)[0] == 200
        resting = until(lambda: rests(site, job), within_s=BACK_WITHIN_S, what="the job rests", every_s=0.5)
        assert resting["message"].startswith("Waits until the disk has free space")
        gone = within(site.delete, f"/api/v1/images/{added['image']['id']}/")
        assert gone == 204, "what frees space is let through"
    until(lambda: add(site, 11)[0] == 201, within_s=BACK_WITHIN_S, what="writes are taken again")
    assert site.job_ended(job, within_s=90)["state"] == "succeeded"


def rests(site: RunningSite, job: int) -> Any:
    found = site.get(f"/api/v1/jobs/{job}/")[1]
    assert found["state"] in ("queued", "running"), found
    return found if found["state"] == "queued" else None


def test_a_disk_without_a_byte_stops_neither_searches_nor_the_start_of_a_part(
    site: RunningSite, disk: Path
) -> None:
    with filled(disk, left_mb=0):
        assert add(site, 20)[0] == 507
        for part in [site.part(name) for name in PARTS]:
            part.kill()
        until(lambda: searches(site), within_s=BACK_WITHIN_S, what="searches are answered")
        time.sleep(3)  # the new worker looks for forgotten jobs
        assert searched(site)[0] == 200
        assert site.supervisor.poll() is None
    until(lambda: add(site, 20)[0] == 201, within_s=BACK_WITHIN_S, what="writes are taken again")
    until(lambda: is_well(site), within_s=BACK_WITHIN_S, what="the site is well")


def searches(site: RunningSite) -> bool:
    """Whether a search is answered, however long it takes: the first one loads the network."""
    with suppress(OSError):
        return bool(site.post(*SEARCH, dataset="few")[0] == 200)
    return False


def test_a_broker_that_says_nothing_holds_nobody_up(site: RunningSite) -> None:
    broker = site.part("broker")
    broker.send_signal(signal.SIGSTOP)
    try:
        for seed in (30, 31):
            assert add(site, seed)[0] == 201
        assert searched(site)[0] == 200
    finally:
        broker.send_signal(signal.SIGCONT)
    until(lambda: is_well(site), within_s=BACK_WITHIN_S, what="the site is well")


def test_nothing_was_lost(site: RunningSite) -> None:
    def idle() -> bool:
        active = "SELECT count(*) FROM gallery_job WHERE state IN ('queued', 'running')"
        return services.rows(site.home, active) == [(0,)]

    until(idle, within_s=BACK_WITHIN_S, what="no job is left")
    found = report(site.home, "verify")
    assert found["ok"], found
    assert services.rows(site.home, "SELECT count(*) FROM gallery_job WHERE state = 'failed'") == [(0,)]
