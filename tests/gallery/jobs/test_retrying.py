"""Jobs and single files are tried again: when asked, and by the schedule where the reason may have passed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import F
from django.test import Client

from gallery import jobs
from gallery.jobs import file_retries
from gallery.models import Dataset, FailedFile, Image, Job
from search import job_kinds
from search.features import feature_specs
from search.indexing import builds
from search.maintenance import schedule as maintenance_schedule
from search.models import Embedding, SearchIndex
from tests.conftest import image_bytes, import_folder

pytestmark = pytest.mark.django_db(transaction=True)


def retry(client: Client, job: Job, **body: Any) -> Any:
    return client.post(f"/api/v1/jobs/{job.pk}/failed-files/retry/", body, content_type="application/json")


@pytest.fixture
def lost(dataset: Dataset, sample_folder: Callable[..., Path]) -> tuple[Job, dict[str, bytes]]:
    """Return an extraction during which two stored files could not be read, and their bytes."""
    path = str(sample_folder(count=2, categories=2))
    jobs.perform_now(jobs.IMPORT, dataset, path=path, announce=False)
    held: dict[str, bytes] = {}
    for image in Image.objects.order_by("pk")[:2]:
        name = str(image.file.name)
        with default_storage.open(name) as file:
            held[name] = file.read()
        default_storage.delete(name)
    return jobs.perform_now(job_kinds.EXTRACT, dataset), held


def put_back(held: dict[str, bytes]) -> None:
    for name, data in held.items():
        default_storage.save(name, ContentFile(data))


def test_single_files_of_an_extraction_are_tried_again(
    lost: tuple[Job, dict[str, bytes]], staff_client: Client
) -> None:
    job, held = lost
    assert (job.result["embeddings"], job.result["failed"]) == (2, 2)
    first, second = FailedFile.objects.filter(job=job)
    put_back(held)
    answer = retry(staff_client, job, files=[first.pk])
    assert answer.status_code == 202, answer.content
    ended = jobs.perform(answer.json()["id"])
    assert ended
    assert (ended.state, ended.result["embeddings"]) == (Job.State.SUCCEEDED, 1)
    first.refresh_from_db()
    assert first.retry == ended
    assert not Embedding.objects.filter(image=second.image_id).exists()
    assert retry(staff_client, job, files=[first.pk]).status_code == 409, "it is being tried already"
    assert retry(staff_client, job).status_code == 202
    assert retry(staff_client, job).json()["error"]["code"] == "not_retryable"


def test_files_that_may_be_read_again_are_tried_by_themselves_a_few_times(
    lost: tuple[Job, dict[str, bytes]],
) -> None:
    ended, held = lost
    for _ in range(file_retries.MOST_ATTEMPTS - 1):
        assert file_retries.retry_passing_failures() == 1
        assert file_retries.retry_passing_failures() == 0, "the job that tries them has not ended"
        jobs.perform(Job.objects.get(state=Job.State.QUEUED).pk)
        ended = Job.objects.latest("pk")
        assert ended.failed == 2
    assert file_retries.retry_passing_failures() == 0, "that was often enough"
    put_back(held)
    assert file_retries.retry_files(ended).parameters["images"] == sorted(
        FailedFile.objects.filter(job=ended).values_list("image", flat=True)
    )


def test_files_of_a_folder_are_imported_again_and_those_of_a_zip_cannot_be(
    dataset: Dataset, tmp_path: Path, staff_client: Client
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"not yet a picture")
    (folder / "c.png").write_bytes(image_bytes(1))
    job = jobs.perform_now(jobs.IMPORT, dataset, path=str(folder), announce=False)
    assert job.failed == 2
    (folder / "a.png").write_bytes(image_bytes(2))
    (folder / "d.png").write_bytes(image_bytes(3))
    ended = jobs.perform(retry(staff_client, job).json()["id"])
    assert ended
    assert (ended.result["images"], ended.failed, ended.total) == (1, 1, 2)
    zipped = Job.objects.create(
        kind=jobs.IMPORT,
        dataset=dataset,
        state=Job.State.SUCCEEDED,
        parameters={"upload": "uploads/x.zip"},
    )
    FailedFile.objects.create(job=zipped, name="a.png", code="not_a_picture", reason="x")
    answer = retry(staff_client, zipped)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_retryable")
    assert FailedFile.objects.get(job=zipped).retry is None


def test_a_failed_job_is_tried_again_through_the_api_by_staff_only(
    dataset: Dataset, staff_client: Client, client: Client
) -> None:
    job = Job.objects.create(kind=job_kinds.INDEX, dataset=dataset, state=Job.State.FAILED, error="x")
    path = f"/api/v1/jobs/{job.pk}/retry/"
    assert client.post(path).status_code in (401, 403)
    answer = staff_client.post(path)
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert not answer.json()["retryable"]
    assert staff_client.post(path).status_code == 409


def test_the_schedule_compacts_what_has_changed_and_verifies_when_nothing_runs(
    dataset: Dataset, sample_folder: Callable[..., Path], settings: Any
) -> None:
    import_folder(dataset, sample_folder(count=2, categories=2))
    index = feature_specs.live_index(dataset)
    builds.rebuild(index)
    assert maintenance_schedule.compact() == []
    settings.COMPACT_AFTER = 1
    import_folder(dataset, sample_folder("clipart200", count=2, categories=2))
    # the extraction saw it as well
    assert [job.kind for job in Job.objects.filter(state=Job.State.QUEUED)] == [job_kinds.INDEX]
    Job.objects.filter(state=Job.State.QUEUED).delete()
    (job,) = maintenance_schedule.compact()
    assert maintenance_schedule.compact() == [], "one build of an index is enough"
    assert maintenance_schedule.enqueue_verification() is None, "it would see things half done"
    assert jobs.perform(job.pk)
    Embedding.objects.filter(image=Image.objects.first()).delete()
    SearchIndex.objects.update(revision=F("revision") + 1)
    verification = maintenance_schedule.enqueue_verification()
    assert verification
    ended = jobs.perform(verification.pk)
    assert ended
    assert ended.state == Job.State.FAILED, "an embedding was taken away"
    assert "1 images of Mine have no features" in ended.error
    jobs.perform_now(job_kinds.EXTRACT, dataset)
    jobs.perform_now(job_kinds.INDEX, dataset)
    jobs.retry(ended.pk)
    again = jobs.perform(ended.pk)
    assert again
    assert (again.state, again.result["ok"], again.result["images"]) == (Job.State.SUCCEEDED, True, 8)


def test_beat_asks_for_everything_and_zero_leaves_a_task_out() -> None:
    from semsearch_site import env
    from semsearch_site.celery import app

    app.loader.import_default_modules()
    assert set(site_settings.CELERY_BEAT_SCHEDULE) == {
        "gallery.tasks.sweep_jobs",
        "gallery.tasks.retry_failed_files",
        "search.tasks.check_indexes",
        "gallery.tasks.measure_disk",
        "search.tasks.compact",
        "search.tasks.tidy",
        "search.tasks.tune",
        "search.tasks.verify",
    }
    assert set(site_settings.CELERY_BEAT_SCHEDULE) <= set(app.tasks)
    assert list(env.schedule({"a": 0.0, "b": 5.0})) == ["b"]


def test_what_cannot_end_otherwise_is_not_offered_again(
    dataset: Dataset, tmp_path: Path, staff_client: Client
) -> None:
    sent = Job.objects.create(
        kind=jobs.IMPORT, dataset=dataset, state=Job.State.FAILED, parameters={"upload": "uploads/gone.zip"},
        error="interrupted", failed=1,
    )  # fmt: skip
    FailedFile.objects.create(job=sent, name="a.png", code="not_a_picture", reason="x")
    page = staff_client.get(f"/jobs/{sent.pk}/").text
    assert "Try it again" not in page
    assert ">Try again<" not in page
    assert "not kept" in page
    assert f'href="/datasets/{dataset.slug}/"' in page
    assert f"/jobs/{sent.pk}/retry/" not in staff_client.get("/jobs/").text
    assert staff_client.post(f"/api/v1/jobs/{sent.pk}/retry/").status_code == 409
    assert not staff_client.get(f"/api/v1/jobs/{sent.pk}/").json()["retryable"]
    kept = Job.objects.create(
        kind=jobs.IMPORT, dataset=dataset, state=Job.State.FAILED, parameters={"path": str(tmp_path)},
        error="interrupted", failed=2,
    )  # fmt: skip
    FailedFile.objects.create(job=kept, name="a.png", code="not_a_picture", reason="x")
    FailedFile.objects.create(job=kept, name="b.png", code="duplicate", reason="x")
    page = staff_client.get(f"/jobs/{kept.pk}/").text
    assert "Try it again" in page
    assert page.count(">Try again<") == 1
    assert f"/jobs/{kept.pk}/retry/" in staff_client.get("/jobs/").text
