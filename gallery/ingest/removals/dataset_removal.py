"""Takes datasets away for good: closed at once, then removed in steps that any worker can take up again.

A closed dataset is on no list, its slug is free, nothing can be added to it, and what was queued or ran of it
has ended. Its row stays until all else is gone: files, images, whatever was computed of them. A worker that
is killed on the way leaves less to do, and nothing that is lost from sight.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from gallery import jobs, signals
from gallery.access import audit
from gallery.errors import NotFoundError, SemsearchError
from gallery.ingest import datasets
from gallery.ingest.removals import hiding, removal
from gallery.models import AtlasPage, Category, Dataset, Image, Job
from gallery.system.concurrency.conflicts import repeated
from gallery.system.concurrency.held_rows import locked
from gallery.system.home import media_folders, storage_mark
from gallery.system.storage import StorageUnavailableError, storage_errors

logger = logging.getLogger(__name__)

JOBS_AT_ONCE = 100
# how long a removal that ended too early is left alone
AGAIN_AFTER = timedelta(minutes=10)


def begin_removal(dataset: Dataset) -> Job:
    """Close a dataset, in the bin or not, and queue its removal; returns the job.

    Raises: NotFoundError when it is closed.
    """
    return _closed(dataset, jobs.enqueue)


def purge(dataset: Dataset) -> Job:
    """Close a dataset that lies in the bin, and queue its removal; returns the job.

    Raises: NotFoundError when it is closed, or has been restored.
    """
    return _closed(dataset, jobs.enqueue, from_bin=True)


def remove_dataset(dataset: Dataset) -> None:
    """Close a dataset and remove it in this process. Raises: NotFoundError; SemsearchError if that fails."""
    job = _closed(dataset, jobs.enqueue_for_startup)
    ended = jobs.perform(job.pk)
    if ended is not None and ended.state == Job.State.FAILED:
        raise SemsearchError(f"The dataset {dataset.name} could not be removed: {ended.error}")


def _closed(dataset: Dataset, enqueue: Callable[..., Job], *, from_bin: bool = False) -> Job:
    """Close a dataset, with its entry in the audit, and make the job that removes it."""
    with transaction.atomic():
        # whoever is adding to it ends first, and whoever comes later finds it closed
        wanted = Dataset.everything.filter(pk=dataset.pk, closed_at=None)
        if not locked(wanted.exclude(deleted_at=None) if from_bin else wanted):
            what = "is in the bin no more" if from_bin else "has been deleted already"
            raise NotFoundError(f"The dataset {dataset.name} {what}.")
        images = Category.objects.filter(dataset=dataset.pk).aggregate(n=Sum("images"))["n"] or 0
        audit.record("dataset.purge" if from_bin else "dataset.delete", dataset, images=images)
        now = timezone.now()
        Dataset.everything.filter(pk=dataset.pk).update(
            closed_at=now, deleted_at=Coalesce("deleted_at", now), slug=datasets.hidden_slug(dataset)
        )
        jobs.end_with_dataset(dataset.pk)
        return enqueue(jobs.REMOVE, None, closed=dataset.pk, name=dataset.name, images=images)


def take_up() -> int:
    """Queue anew what nobody removes of what is closed, as after a removal that failed; returns how many."""
    left = list(Dataset.everything.exclude(closed_at=None))
    if not left:
        return 0
    recent = Job.objects.filter(kind=jobs.REMOVE).exclude(finished_at__lt=timezone.now() - AGAIN_AFTER)
    known = {parameters.get("closed") for parameters in recent.values_list("parameters", flat=True)}
    left = [dataset for dataset in left if dataset.pk not in known]
    for dataset in left:
        jobs.enqueue(jobs.REMOVE, None, closed=dataset.pk, name=dataset.name, images=0)
    return len(left)


def remove_job(run: jobs.JobRun) -> dict[str, object]:
    """Remove a closed dataset, from what is left of it; the files that nobody points at come last.

    Raises: StorageAwayError, StorageUnavailableError.
    """
    storage_mark.require()  # in one that is away all files would seem to be gone
    pk = int(run.job.parameters["closed"])
    dataset = Dataset.everything.filter(pk=pk).exclude(closed_at=None).first()
    removed = 0
    if dataset is not None:
        removed = _remove_images(run, dataset)
        run.touch(message="Deleting what was computed of them")
        _remove_the_rest(run, dataset)
    # also of a dataset whose row is gone: a killed worker may have come that far
    for folder in media_folders.of_datasets():
        _sweep(f"{folder}/{pk}", run)
    return {"dataset": run.job.parameters["name"], "images": removed}


def _remove_images(run: jobs.JobRun, dataset: Dataset) -> int:
    left = Image._base_manager.filter(dataset=dataset).order_by("pk")
    total = left.count()
    run.begin(total, f"Deleting the images of {dataset.name}")
    done = 0
    while ids := list(left.values_list("pk", flat=True)[: hiding.CHUNK]):
        gone = removal.remove_images(ids, action="")
        if not gone:
            raise StorageUnavailableError("No file of these images can be deleted now.")
        done += gone
        run.advance(done)
        run.give_way()
    return done


def _remove_the_rest(run: jobs.JobRun, dataset: Dataset) -> None:
    """Remove what hangs on a dataset, step by step, and then its row."""
    signals.dataset_removed.send(Dataset, dataset=dataset, report=run.touch)
    for page in AtlasPage.objects.filter(dataset=dataset):
        page.delete()
    # what came between two steps is ended as well
    jobs.end_with_dataset(dataset.pk)
    own = Job.objects.filter(dataset=dataset)
    while some := list(own.order_by("pk").values_list("pk", flat=True)[:JOBS_AT_ONCE]):
        repeated(partial(_delete_jobs, some))
        run.touch()
    repeated(partial(_delete_row, dataset.pk))


def _delete_jobs(ids: list[int]) -> None:
    Job.objects.filter(pk__in=locked(Job.objects.filter(pk__in=ids))).delete()


def _delete_row(pk: int) -> None:
    Dataset.everything.filter(pk__in=locked(Dataset.everything.filter(pk=pk))).delete()


def _sweep(folder: str, run: jobs.JobRun) -> None:
    """Remove a folder of the storage with all that is in it."""
    try:
        with storage_errors():
            folders, files = default_storage.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in folders:
        _sweep(f"{folder}/{name}", run)
    for name in files:
        with storage_errors():
            default_storage.delete(f"{folder}/{name}")
    run.touch()
    # an object storage has no folders; one of a disk is empty now, or somebody removes what just came
    with suppress(OSError):
        default_storage.delete(folder)
