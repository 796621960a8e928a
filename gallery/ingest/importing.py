"""Brings images in from a folder, an archive or other datasets: deduplicated by content, failures listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.crypto import get_random_string

from gallery import jobs, signals
from gallery.errors import NotFoundError, SemsearchError, TooLargeError
from gallery.imaging import sprite_sheets
from gallery.ingest import from_images, planning
from gallery.ingest.failures import Failures
from gallery.ingest.following import Tracker
from gallery.ingest.intake import Intake, Totals
from gallery.ingest.observers import observe_import
from gallery.ingest.planning import Plan
from gallery.ingest.removals import dataset_removal
from gallery.ingest.sources import archives, file_kinds
from gallery.ingest.sources.archives import Contents, ReadOptions
from gallery.ingest.sources.labels import NEAREST
from gallery.ingest.sources.members import (
    ArchiveLimits,
    ArchiveSource,
)
from gallery.models import Dataset, FailedFile, Image, Job
from gallery.system.measuring.stage_timer import StageTimer
from gallery.system.open_datasets import DatasetClosedError
from gallery.system.storage import StorageUnavailableError, storage_errors

WRITERS = 4

# parameters that say how a source is read
HOW = ("labels", "zip_encoding", "follow_links")


class NothingToImportError(SemsearchError):
    """An import found no image that it can use."""

    code = "nothing_to_import"
    status = 422
    final = True


def check_archive(archive: File[Any]) -> None:
    """Refuse an upload that is too large, or neither an archive nor an image, or one too many.

    Raises: TooLargeError, UnsafeArchiveError, TooManyWaitingError.
    """
    jobs.require_room(jobs.IMPORT)
    if archive.size > settings.MAX_ARCHIVE_BYTES:
        raise TooLargeError(
            "The file is larger than MAX_ARCHIVE_BYTES allows; use import_dataset on the server."
        )
    file_kinds.check(cast(BinaryIO, archive))


def enqueue_archive(
    dataset: Dataset, archive: File[Any], *, labels: str = NEAREST, new_dataset: bool = False
) -> Job:
    """Keep an uploaded archive, or a single image, until its import, and queue that.

    With `new_dataset` the dataset was made for it, and goes again when there is nothing to import.

    Raises: TooLargeError, UnsafeArchiveError, TooManyWaitingError; DatasetClosedError when the dataset is
    being deleted.
    """
    check_archive(archive)
    upload = default_storage.save(f"uploads/{get_random_string(16)}.upload", archive)
    parameters: dict[str, object] = {"upload": upload, "filename": str(archive.name or "")[-200:]}
    if labels != NEAREST:
        parameters["labels"] = labels
    if new_dataset:
        parameters["new_dataset"] = dataset.name
    try:
        return jobs.enqueue(jobs.IMPORT, dataset, **parameters)
    except BaseException:  # whatever it is, no job will take it
        default_storage.delete(upload)
        raise


def preview(path: Path, how: Mapping[str, Any]) -> list[str]:
    """Return in sentences what an import of a path would read, and as what; `how` are parameters of the job.

    Raises: NotFoundError, UnsafeArchiveError; NothingToImportError where there is nothing to read.
    """
    with archives.opened(path, _limits(), _options(how)) as contents:
        if not contents.total:
            raise _nothing(contents, [contents.left_out_in_words()])
        left_out = contents.left_out_in_words()
        return [line for line in (contents.labels_in_words(), *contents.notes, left_out) if line]


def plan_import(dataset: Dataset | None, path: Path, how: Mapping[str, Any], *, prune: bool) -> Plan:
    """Return what an import of a path would do to a dataset, which need not exist yet.

    Raises: NotFoundError, UnsafeArchiveError.
    """
    with archives.opened(path, _limits(), _options(how)) as contents:
        return planning.plan(dataset, str(path), contents, prune=prune)


def import_job(run: jobs.JobRun) -> dict[str, object]:
    """Do an import job: its parameters name a `path` on this machine, or in the storage an `upload` or a
    `selection` of pictures; `labels`, `zip_encoding` and `follow_links` say how it is read.

    With `announce` false nobody is told of the new images: the caller extracts their features itself. With
    `extract` true they are extracted as they come all the same; without `announce` that is what is meant.
    """
    dataset = run.job.dataset
    assert dataset is not None
    parameters = run.job.parameters
    if "selection" in parameters:
        if not default_storage.exists(parameters["selection"]):
            raise NotFoundError("The selection of images is not kept any longer: make the dataset again.")
        ids = from_images.selected(parameters["selection"])
        return _import(run, dataset, from_images.contents(ids))
    with _opened(parameters) as source, archives.opened(source, _limits(), _options(parameters)) as contents:
        if "only" in parameters:
            contents.keep_only(set(parameters["only"]))
        return _import(run, dataset, contents)


@contextmanager
def _opened(parameters: Mapping[str, Any]) -> Iterator[ArchiveSource]:
    """Open what an import reads. Raises: NotFoundError."""
    if "upload" not in parameters:
        yield Path(parameters["path"])
        return
    if not default_storage.exists(parameters["upload"]):
        raise NotFoundError("The uploaded file is not kept any longer: upload it again.")
    with default_storage.open(parameters["upload"]) as file:
        yield cast(BinaryIO, file)  # a storage file reads and seeks like any other


def _options(parameters: Mapping[str, Any]) -> ReadOptions:
    return ReadOptions(
        labels=parameters.get("labels", NEAREST),
        zip_encoding=parameters.get("zip_encoding", ""),
        follow_links=parameters.get("follow_links", False),
        name=parameters.get("filename", ""),
    )


def end_import(job: Job) -> None:
    """Remove what waited for an import that has ended for good, and a dataset made for it that is empty."""
    remove_source(job)
    failed = Job.objects.filter(pk=job.pk, state=Job.State.FAILED, dataset__isnull=False)
    if "new_dataset" in job.parameters and failed.exists():
        drop_if_empty(job.dataset)


def drop_if_empty(dataset: Dataset | None) -> bool:
    """Remove a dataset that has no images, in the bin neither, of which the jobs stay.

    Returns whether it is removed; one that lies in the bin itself stays there.
    """
    if dataset is None or dataset.deleted_at or Image.everything.filter(dataset=dataset).exists():
        return False
    with transaction.atomic():
        ended = Job.objects.filter(dataset=dataset, kind=jobs.IMPORT).exclude(state__in=Job.ACTIVE)
        for job in ended:
            parameters = job.parameters | {"new_dataset": dataset.name}
            Job.objects.filter(pk=job.pk).update(dataset=None, parameters=parameters)
    with suppress(NotFoundError):
        dataset_removal.remove_dataset(dataset)  # here and now: there is nothing to remove that takes time
    return True


def remove_source(job: Job) -> None:
    """Remove the upload or selection that a job imports: nothing reads it when the job has ended for good."""
    for name in ("upload", "selection"):
        if name in job.parameters:
            default_storage.delete(job.parameters[name])


def is_source_kept(job: Job) -> bool:
    """Whether what a job imports is still there; a storage that does not answer may have it."""
    stored = [str(job.parameters[name]) for name in ("upload", "selection") if name in job.parameters]
    try:
        with storage_errors():
            return all(default_storage.exists(name) for name in stored) and _is_path_there(job)
    except (OSError, StorageUnavailableError):
        return True


def is_folder_kept(job: Job) -> bool:
    """Whether single files can be read again: not those of what was sent, which is not kept."""
    return not {"upload", "selection"} & job.parameters.keys() and _is_path_there(job)


def _is_path_there(job: Job) -> bool:
    path = job.parameters.get("path")
    return path is None or Path(path).exists()


def announce_unfinished(job: Job) -> None:
    """Leave to an extraction of its own what an import stored and did not come to extract."""
    dataset = Dataset.objects.filter(jobs=job).first()
    if dataset is not None and dataset.images.exists() and job.parameters.get("announce", True):
        with suppress(DatasetClosedError):
            signals.announce_added(dataset, [])


def _limits() -> ArchiveLimits:
    return ArchiveLimits(
        max_entries=settings.MAX_ARCHIVE_MEMBERS,
        max_entry_bytes=settings.MAX_PICTURE_BYTES,
        max_total_bytes=settings.MAX_ARCHIVE_BYTES,
    )


def _import(run: jobs.JobRun, dataset: Dataset, contents: Contents) -> dict[str, object]:
    run.begin(contents.total, "Importing images")
    clock = StageTimer()
    failures = Failures(run)
    tracker = Tracker(dataset, run.job.parameters.get("path"), contents.names)
    with observe_import(run, dataset, clock) as observer:
        with ThreadPoolExecutor(WRITERS, thread_name_prefix="store") as writers:
            totals = Intake(run, dataset, observer, clock, writers, failures, tracker).take(contents)
        _check_usable(totals, failures, contents, run)
        tracker.finish(prune=bool(run.job.parameters.get("prune")))
        with clock.timed("atlas"):
            sprite_sheets.update(dataset, run.touch)
        more = observer.finish() if observer else {}
        totals.more = {
            **tracker.as_result(),
            **failures.as_result(),
            **contents.as_result(),
            **more,
            **clock.as_result(),
        }
    return totals.as_result()


def _check_usable(totals: Totals, failures: Failures, contents: Contents, run: jobs.JobRun) -> None:
    """Raises: NothingToImportError, with the reasons summed up, where no file is an image that is kept."""
    if totals.images or totals.duplicates or "only" in run.job.parameters:
        return
    raise _nothing(contents, [failures.in_words(), contents.left_out_in_words()])


def _nothing(contents: Contents, reasons: Sequence[str]) -> NothingToImportError:
    why = "; ".join(words for words in reasons if words)
    return NothingToImportError(
        f"There is nothing to import: the {contents.noun} holds no image that can be used"
        + (f" ({why})." if why else "; it is empty.")
    )


def retry_files(job: Job, files: Sequence[FailedFile]) -> Job:
    """Queue an import of some files of an earlier one. Raises: NotRetryableError when its source is gone."""
    path = job.parameters.get("path")
    if path is None or job.dataset is None or not Path(path).exists():
        raise jobs.NotRetryableError(
            "What these files came in is not kept after an import: add them to the dataset again."
        )
    how = {name: job.parameters[name] for name in HOW if name in job.parameters}
    return jobs.enqueue(jobs.IMPORT, job.dataset, path=path, only=[file.name for file in files], **how)
