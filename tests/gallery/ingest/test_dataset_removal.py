"""A dataset is closed, then removed in steps that are taken up again; nothing comes back, nothing is left."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, OperationalError, connection
from django.test import Client
from django.utils import timezone

from gallery import jobs
from gallery.errors import NotFoundError, SemsearchError
from gallery.ingest import datasets, single_image
from gallery.ingest.removals import dataset_removal, hiding, removal
from gallery.jobs import broker, reviving
from gallery.jobs.claimed import list_failed
from gallery.models import AuditEntry, Dataset, FailedFile, Image, Job
from gallery.system.open_datasets import CLOSED, DatasetClosedError
from search import job_kinds
from tests.conftest import image_bytes
from tests.support.deletions import disagreements, lay_out, left_of, stored
from tests.support.handlers import replaced

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quiet_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let messages go nowhere at once."""
    monkeypatch.setattr(broker, "send", lambda *_, **__: None)


@pytest.fixture
def added(dataset: Dataset) -> list[Image]:
    """Return three images of the dataset."""
    return [single_image.add_image(dataset, f"{n}.png", image_bytes(n), "cats").image for n in range(3)]


def removal_job() -> Job:
    return Job.objects.get(kind=jobs.REMOVE)


def zipped() -> SimpleUploadedFile:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.png", image_bytes(9))
    return SimpleUploadedFile("some.zip", content.getvalue())


def test_a_closed_dataset_is_gone_for_everybody_and_its_slug_is_free(
    staff_client: Client, dataset: Dataset, added: list[Image]
) -> None:
    running, queued = (jobs.enqueue(job_kinds.EXTRACT, dataset) for _ in range(2))
    assert jobs.claim(running.pk)
    assert staff_client.delete("/api/v1/datasets/mine/").status_code == 204
    assert staff_client.get("/api/v1/datasets/").json()["results"] == []
    assert staff_client.get("/api/v1/datasets/mine/").status_code == 404
    assert staff_client.delete("/api/v1/datasets/mine/").status_code == 404
    ended = Job.objects.filter(pk__in=(running.pk, queued.pk)).values_list("state", "message")
    assert set(ended) == {(Job.State.CANCELLED, CLOSED)}
    entry = AuditEntry.objects.get(action="dataset.delete")
    assert (entry.target, entry.details) == ("Mine", {"images": 3})
    again = staff_client.post("/api/v1/datasets/", {"slug": "mine", "name": "Mine"})
    assert again.status_code == 201
    assert again.json()["images"] == 0
    assert staff_client.delete(f"/api/v1/bin/datasets/{dataset.pk}/").status_code == 204
    ended_job = jobs.perform(removal_job().pk)
    assert ended_job
    assert (ended_job.state, ended_job.result) == (Job.State.SUCCEEDED, {"dataset": "Mine", "images": 3})
    assert left_of([dataset.pk]) == []
    assert disagreements() == []


@pytest.mark.parametrize(
    "add",
    [
        lambda dataset: single_image.add_image(dataset, "a.png", image_bytes(9)),
        lambda dataset: jobs.enqueue(job_kinds.EXTRACT, dataset),
        lambda dataset: jobs.perform_now(jobs.IMPORT, dataset, path="/nowhere"),
        lambda dataset: jobs.retry(Job.objects.get(state=Job.State.FAILED).pk),
    ],
    ids=["image", "job", "command", "retry"],
)
def test_nothing_is_added_to_a_dataset_that_was_closed_meanwhile(
    dataset: Dataset, added: list[Image], add: Callable[[Dataset], object]
) -> None:
    Job.objects.create(kind=job_kinds.EXTRACT, dataset=dataset, state=Job.State.FAILED)
    read_before = Dataset.objects.get(pk=dataset.pk)
    dataset_removal.begin_removal(dataset)
    before = (Image.objects.count(), Job.objects.count(), sorted(stored("images")))
    with pytest.raises(DatasetClosedError, match="Mine has been deleted"):
        add(read_before)
    assert (Image.objects.count(), Job.objects.count(), sorted(stored("images"))) == before


def test_a_refused_upload_leaves_no_file(dataset: Dataset) -> None:
    from gallery.ingest import importing

    dataset_removal.begin_removal(Dataset.objects.get(pk=dataset.pk))
    with pytest.raises(DatasetClosedError):
        importing.enqueue_archive(dataset, zipped())
    assert stored("uploads") == []


def test_an_upload_whose_job_cannot_be_stored_leaves_no_file(
    dataset: Dataset, added: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    from gallery.ingest import from_images, importing

    def away(*_: object, **__: object) -> Job:
        raise OperationalError("The database is away.")

    monkeypatch.setattr(jobs, "enqueue", away)
    with pytest.raises(OperationalError):
        importing.enqueue_archive(dataset, zipped())
    with pytest.raises(OperationalError):
        from_images.new_dataset("chosen", "Chosen", [added[0].pk])
    assert stored("uploads") == []
    assert not Dataset.objects.filter(slug="chosen").exists()


def test_who_changes_a_deleted_dataset_or_image_does_not_bring_it_back(
    dataset: Dataset, added: list[Image]
) -> None:
    removal.remove_images([added[0].pk])
    with pytest.raises(NotFoundError):
        datasets.label(added[0], "dogs")
    dataset_removal.begin_removal(Dataset.objects.get(pk=dataset.pk))
    dataset.name = "Other"
    with pytest.raises(NotFoundError):
        datasets.save(dataset)
    with pytest.raises(NotFoundError):
        dataset_removal.begin_removal(dataset)
    jobs.perform(removal_job().pk)
    with pytest.raises(NotFoundError):
        datasets.save(dataset)
    assert not Dataset.everything.exists()


def test_a_removal_that_is_broken_off_at_any_step_is_taken_up_again(
    dataset: Dataset, added: list[Image], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It breaks off at the first call of a step, then at the second, and so on, until it comes through."""
    jobs.perform_now(jobs.IMPORT, dataset, path=str(lay_out(tmp_path / "folder")), announce=False)
    waiting = jobs.enqueue(jobs.IMPORT, dataset, upload=default_storage.save("uploads/a.zip", zipped()))
    monkeypatch.setattr(hiding, "CHUNK", 5)
    job = dataset_removal.begin_removal(dataset)
    steps = [(removal, "remove_images"), (dataset_removal, "_delete_jobs"), (dataset_removal, "_delete_row")]
    for broken_at in range(20):
        calls = [0]

        def stop(original: Callable[..., Any], calls: list[int] = calls, at: int = broken_at) -> Any:
            def step(*values: Any, **options: Any) -> Any:
                calls[0] += 1
                if calls[0] > at:
                    raise SemsearchError("The worker is killed.")
                return original(*values, **options)

            return step

        with monkeypatch.context() as patched:
            for module, name in steps:
                patched.setattr(module, name, stop(getattr(module, name)))
            ended = jobs.perform(job.pk)
        assert ended
        if ended.state == Job.State.SUCCEEDED:
            break
        assert dataset_removal.take_up() == 0, "one that ended just now is left alone"
        Job.objects.filter(pk=job.pk).update(finished_at=timezone.now() - timedelta(hours=1))
        assert dataset_removal.take_up() == 1
        assert dataset_removal.take_up() == 0
        job = Job.objects.filter(kind=jobs.REMOVE, state=Job.State.QUEUED).get()
    assert ended
    assert ended.state == Job.State.SUCCEEDED
    assert broken_at > 2
    assert left_of([dataset.pk]) == []
    assert not default_storage.exists(waiting.parameters["upload"])


def test_files_that_a_killed_worker_left_go_with_the_dataset_even_when_its_row_is_gone(
    dataset: Dataset,
) -> None:
    job = dataset_removal.begin_removal(dataset)
    for folder in ("images", "features"):
        default_storage.save(f"{folder}/{dataset.pk}/ab/left", SimpleUploadedFile("left", b"left"))
    Dataset.everything.filter(pk=dataset.pk).delete()
    jobs.perform(job.pk)
    assert left_of([dataset.pk]) == []
    assert not Path(default_storage.path(f"images/{dataset.pk}")).exists()


@pytest.mark.parametrize("gone_before", [False, True], ids=["closed", "gone"])
def test_a_handler_under_which_its_dataset_is_deleted_ends_calmly(
    dataset: Dataset, caplog: pytest.LogCaptureFixture, *, gone_before: bool
) -> None:
    def handler(run: jobs.JobRun) -> dict[str, object]:
        begun = dataset_removal.begin_removal(dataset)
        if gone_before:
            jobs.perform(begun.pk)
        raise IntegrityError("FOREIGN KEY constraint failed")

    with replaced(job_kinds.INDEX, handler):
        ended = jobs.perform(jobs.enqueue(job_kinds.INDEX, dataset).pk)
    assert (ended.state, ended.message) == (Job.State.CANCELLED, CLOSED) if ended else gone_before
    assert "Traceback" not in caplog.text


def test_a_file_of_an_image_that_is_gone_is_no_failure(dataset: Dataset, added: list[Image]) -> None:
    job = jobs.enqueue(job_kinds.EXTRACT, dataset)
    removal.remove_images([added[0].pk])
    error = NotFoundError("The stored file cannot be read.")
    assert not list_failed(job, "0.png", error, added[0])
    assert list_failed(job, "1.png", error, added[1])
    assert list(FailedFile.objects.values_list("name", flat=True)) == ["1.png"]
    Job.objects.filter(pk=job.pk).delete()
    with pytest.raises(jobs.JobStoppedError):
        list_failed(job, "2.png", error, added[2])


def test_an_image_that_is_added_anew_keeps_its_file_when_the_old_one_goes(
    dataset: Dataset, added: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = removal._deleted_files

    def late(image: Image) -> bool:
        # the row is hidden for good: somebody adds the same image before the files are gone
        single_image.add_image(dataset, "again.png", image_bytes(0))
        return original(image)

    monkeypatch.setattr(removal, "_deleted_files", late)
    removal.remove_images([added[0].pk])
    again = Image.objects.get(filename="again.png")
    assert default_storage.exists(str(again.file.name))
    assert default_storage.exists(str(again.thumbnail.name))


def test_two_imports_of_one_folder_at_once_report_what_each_stored(dataset: Dataset, tmp_path: Path) -> None:
    folder = str(lay_out(tmp_path / "folder"))

    def bring(_: int) -> Job:
        try:
            return jobs.perform_now(jobs.IMPORT, dataset, path=folder, extract=False, announce=False)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        results = [job.result for job in pool.map(bring, range(2))]
    images = dataset.images.count()
    assert sum(result["images"] for result in results) == images
    assert [result["images"] + result["duplicates"] for result in results] == [images, images]
    assert len(stored("images")) == images


def test_an_import_that_goes_on_after_a_crash_counts_its_own_images(dataset: Dataset, tmp_path: Path) -> None:
    folder = str(lay_out(tmp_path / "folder"))
    job = jobs.perform_now(jobs.IMPORT, dataset, path=folder, announce=False)
    Job.objects.filter(pk=job.pk).update(
        state=Job.State.RUNNING, worker="x", heartbeat_at=timezone.now() - 2 * reviving.STALE_AFTER
    )
    jobs.sweep()
    ended = jobs.perform(job.pk)
    assert ended
    assert (ended.result["images"], ended.result["duplicates"]) == (job.result["images"], 0)
