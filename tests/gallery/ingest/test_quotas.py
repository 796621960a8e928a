"""One import is bounded: in members and time, and in how many of its failures are listed."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from gallery import jobs
from gallery.errors import SemsearchError
from gallery.ingest import failures
from gallery.models import Dataset, FailedFile, Image, Job
from tests.conftest import image_bytes

pytestmark = pytest.mark.django_db(transaction=True)


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def imported(dataset: Dataset, path: Path) -> Job:
    return jobs.perform_now(jobs.IMPORT, dataset, path=str(path), announce=False)


def test_of_a_kind_of_failure_a_thousand_are_listed() -> None:
    assert failures.MOST_OF_A_KIND == 1_000


def test_failures_beyond_so_many_of_a_kind_are_counted_only(
    dataset: Dataset, tmp_path: Path, staff_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "MOST_OF_A_KIND", 100)
    files = {f"{number}.png": b"x" for number in range(2_300)} | {"good.png": image_bytes(1)}
    files |= {f"empty{number}.png": b"" for number in range(110)} | {"twin.png": image_bytes(1)}
    job = imported(dataset, zipped(tmp_path / "many.zip", files))
    assert FailedFile.objects.filter(job=job, code="not_a_picture").count() == 100
    assert FailedFile.objects.filter(job=job, code="skipped").count() == 100
    assert FailedFile.objects.filter(job=job, code="duplicate").count() == 1
    assert job.result["unlisted"] == {"not_a_picture": 2_200, "skipped": 10}
    assert (job.result["images"], job.result["duplicates"], job.result["failed"]) == (1, 1, 2_410)
    assert (job.done, job.failed_count) == (job.total, 2_410)

    assert staff_client.get(f"/api/v1/jobs/{job.pk}/").json()["failed"] == 2_410
    page = staff_client.get(f"/jobs/{job.pk}/").content.decode()
    assert "Only the first 100 of a kind are listed" in page
    assert "2200 of <code>not_a_picture</code>, 10 of <code>skipped</code>" in page
    assert "2410" in page
    sent = b"".join(staff_client.get(f"/jobs/{job.pk}/failed.csv")).decode()
    rows = list(csv.reader(io.StringIO(sent)))
    assert len(rows) == 1 + 201 + 2
    assert rows[-1] == ["(10 more files)", "skipped", "Only the first 100 of a kind are listed."]


def test_an_import_that_goes_on_after_a_crash_lists_no_more(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "MOST_OF_A_KIND", 20)
    path = zipped(
        tmp_path / "many.zip", {f"{number}.png": b"x" for number in range(50)} | {"good.png": image_bytes(1)}
    )
    job = imported(dataset, path)
    Job.objects.filter(pk=job.pk).update(state=Job.State.QUEUED, result={"unlisted": {"skipped": 7}})
    again = jobs.perform(job.pk)
    assert again is not None
    assert again.result["unlisted"] == {"not_a_picture": 30}
    assert again.failed == 20


def test_trying_a_job_again_begins_to_count_anew(dataset: Dataset, tmp_path: Path) -> None:
    job = Job.objects.create(
        kind=jobs.IMPORT, dataset=dataset, state=Job.State.FAILED, result={"unlisted": {"skipped": 7}},
        parameters={"path": str(tmp_path)},
    )  # fmt: skip
    assert jobs.retry(job.pk).failed_count == 0


def test_an_archive_of_too_many_members_is_refused(dataset: Dataset, tmp_path: Path, settings: Any) -> None:
    settings.MAX_ARCHIVE_MEMBERS = 5
    path = zipped(tmp_path / "six.zip", {f"{number}.png": image_bytes(number) for number in range(6)})
    with pytest.raises(SemsearchError, match=r"more than 5 entries .MAX_ARCHIVE_MEMBERS.: split it"):
        imported(dataset, path)
    assert not Image.objects.exists()


def test_an_import_that_takes_too_long_keeps_what_it_has_and_can_be_tried_again(
    dataset: Dataset, tmp_path: Path, settings: Any
) -> None:
    settings.IMPORT_TIMEOUT_S = 0.0
    path = zipped(tmp_path / "three.zip", {f"{number}.png": image_bytes(number) for number in range(3)})
    with pytest.raises(SemsearchError, match="IMPORT_TIMEOUT_S"):
        imported(dataset, path)
    job = Job.objects.get()
    assert (job.state, job.final) == (Job.State.FAILED, False)
    assert Image.objects.count() == 1
    settings.IMPORT_TIMEOUT_S = 60.0
    jobs.retry(job.pk)
    again = jobs.perform(job.pk)
    assert again is not None
    assert (again.state, again.result["images"]) == (Job.State.SUCCEEDED, 3)
