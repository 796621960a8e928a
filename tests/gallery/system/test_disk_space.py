"""Below MIN_FREE_MB nothing is stored, jobs rest, and what searches or removes goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from gallery import jobs
from gallery.access import policies
from gallery.jobs import kinds
from gallery.models import Dataset, Image, Job
from gallery.system import outages
from gallery.system.home import disk_space
from search import job_kinds
from tests.conftest import image_bytes
from tests.support.handlers import replaced

FAR_TOO_MUCH = 2**40


@pytest.fixture
def full_disk(settings: Any) -> Iterator[Callable[[], None]]:
    """Let the disk be full, until what is returned is called."""

    def set_to(least_mb: int) -> None:
        settings.MIN_FREE_MB = least_mb
        disk_space.forget()

    set_to(FAR_TOO_MUCH)
    yield lambda: set_to(0)
    set_to(0)
    outages.DISK.ended()


@pytest.fixture
def one_image(dataset: Dataset) -> Image:
    return Image.objects.create(
        dataset=dataset, sha256="0" * 64, filename="a.png", file="a.png", thumbnail="a.webp",
        width=1, height=1, size_bytes=1, format="PNG",
    )  # fmt: skip


def test_the_fullest_of_the_disks_counts_and_a_folder_that_is_not_made_yet_is_on_that_of_its_parent(
    settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path / "not" / "made" / "yet"
    disk_space.forget()
    free, folder = disk_space.free_mb()
    assert free > 0
    assert folder in (settings.SEMSEARCH_HOME, settings.INDEX_ROOT, settings.CACHE_ROOT, settings.MEDIA_ROOT)
    settings.MIN_FREE_MB = int(free) - 100
    assert disk_space.shortage() is None
    assert disk_space.shortage(200 * 2**20) is not None, "what comes counts"


def test_a_disk_that_can_only_be_read_has_no_free_space(monkeypatch: pytest.MonkeyPatch) -> None:
    mounted = os.statvfs("/")
    read_only = SimpleNamespace(
        f_bavail=mounted.f_bavail, f_frsize=mounted.f_frsize, f_flag=mounted.f_flag | os.ST_RDONLY
    )
    with monkeypatch.context() as patched:
        patched.setattr(os, "statvfs", lambda path: read_only)
        disk_space.forget()
        assert disk_space.free_mb()[0] == 0.0
    disk_space.forget()


@pytest.mark.usefixtures("full_disk")
def test_what_would_be_stored_is_refused_with_a_sentence(
    staff_client: Client, dataset: Dataset, one_image: Image
) -> None:
    def file() -> SimpleUploadedFile:
        return SimpleUploadedFile("new.png", image_bytes(1))

    for path, data in (
        ("/api/v1/datasets/", {"slug": "new", "name": "New"}),
        ("/api/v1/images/", {"dataset": "mine", "file": file()}),
        ("/api/v1/datasets/mine/upload/", {"file": file()}),
        ("/api/v1/experiments/", {"dataset": "mine"}),
        ("/api/v1/projections/", {"dataset": "mine"}),
    ):
        answer = staff_client.post(path, data)
        assert (answer.status_code, answer.json()["error"]["code"]) == (507, "disk_full"), path
        assert "free space" in answer.json()["error"]["detail"]
        assert int(answer["Retry-After"]) > 0
    page = staff_client.post("/admin/gallery/dataset/add/", {"name": "New", "slug": "new"})
    assert page.status_code == 507
    assert "too little free space" in page.content.decode()
    assert Dataset.objects.count() == 1


@pytest.mark.usefixtures("full_disk")
def test_strangers_are_refused_as_strangers_and_reading_searching_and_removing_go_on(
    client: Client, staff_client: Client, one_image: Image
) -> None:
    assert client.post("/api/v1/datasets/", {"slug": "new", "name": "New"}).status_code == 401
    assert client.get("/api/v1/datasets/").status_code == 200
    query = {"file": SimpleUploadedFile("q.png", image_bytes(1)), "dataset": "mine"}
    assert client.post("/api/v1/search/", query).json()["error"]["code"] == "nothing_indexed"
    assert client.get("/accounts/sign-in/").status_code == 200
    assert staff_client.delete(f"/api/v1/images/{one_image.pk}/").status_code == 204
    assert staff_client.post("/admin/gallery/image/1/delete/").status_code != 507
    chosen = {"image": one_image.pk, "sure": "yes"}
    assert staff_client.post("/bin/images/", chosen | {"action": "restore"}).status_code == 302
    assert staff_client.post(f"/datasets/mine/images/{one_image.pk}/delete/").status_code == 302
    assert staff_client.post("/bin/images/", chosen | {"action": "remove"}).status_code == 302
    assert not Image.everything.exists()
    assert staff_client.post("/datasets/mine/delete/").status_code == 302
    removed = {"dataset": one_image.dataset_id, "action": "remove", "sure": "yes"}
    assert staff_client.post("/bin/datasets/", removed).status_code == 302
    assert jobs.perform(Job.objects.get(kind=jobs.REMOVE).pk)
    assert not Dataset.everything.exists()


def test_every_route_that_is_let_through_on_a_full_disk_exists() -> None:
    assert {name for name in policies.REMOVING if name not in policies.TABLE} == set()


def test_a_job_rests_and_is_done_when_there_is_space(
    dataset: Dataset, full_disk: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    monkeypatch.setattr("gallery.jobs.broker.send_run", lambda pk, _kind: sent.append(pk))
    job = jobs.enqueue_for_startup(job_kinds.EXTRACT, dataset)
    with replaced(job_kinds.EXTRACT, lambda run: {"done": True}):
        assert jobs.perform(job.pk, tries_again=True) is None
        jobs.sweep(at_start=True)
        job.refresh_from_db()
        assert (job.state, job.attempts, job.message) == (Job.State.QUEUED, 0, disk_space.RESTS)
        assert not sent
        full_disk()
        jobs.sweep(at_start=True)
        assert sent == [job.pk]
        ended = jobs.perform(job.pk, tries_again=True)
    assert ended is not None
    assert (ended.state, ended.message) == (Job.State.SUCCEEDED, "")


def test_a_job_that_fills_the_disk_goes_back_to_the_queue_and_has_not_failed(
    dataset: Dataset, settings: Any
) -> None:
    def fills(run: jobs.JobRun) -> dict[str, object]:
        run.begin(2, "Fills the disk")
        settings.MIN_FREE_MB = FAR_TOO_MUCH
        disk_space.forget()
        run.advance(1)
        raise AssertionError("not interrupted")

    def meets_the_end(run: jobs.JobRun) -> dict[str, object]:
        raise OSError(28, "No space left on device")

    for handler in (fills, meets_the_end):
        job = jobs.enqueue_for_startup(job_kinds.EXTRACT, dataset)
        with replaced(job_kinds.EXTRACT, handler):
            jobs.perform(job.pk, tries_again=True)
        settings.MIN_FREE_MB = 0
        disk_space.forget()
        job.refresh_from_db()
        assert (job.state, job.attempts, job.message) == (Job.State.QUEUED, 0, disk_space.RESTS)
        assert job.consecutive_failures == 0
    outages.DISK.ended()


@pytest.mark.usefixtures("full_disk")
def test_a_kind_that_only_removes_needs_no_space(dataset: Dataset) -> None:
    job = jobs.enqueue_for_startup(job_kinds.EXTRACT, dataset)
    with replaced(job_kinds.EXTRACT, lambda run: {}):
        kinds._types[job_kinds.EXTRACT] = replace(kinds.job_type(job_kinds.EXTRACT), needs_space=False)
        ended = jobs.perform(job.pk)
    assert ended is not None
    assert ended.state == Job.State.SUCCEEDED


@pytest.mark.usefixtures("full_disk")
def test_a_command_ends_with_one_line(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(image_bytes(1))
    with pytest.raises(CommandError, match="too little free space") as refused:
        call_command("import_dataset", str(tmp_path), name="mine", stdout=StringIO())
    assert "\n" not in str(refused.value)
    assert "MIN_FREE_MB is" in str(refused.value)
    assert not Job.objects.exists()
