"""Brings images in from a folder or zip or of other datasets: deduplicated by content, failures listed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils.crypto import get_random_string

from gallery import jobs, signals
from gallery.errors import NotFoundError, SemsearchError, TooLargeError
from gallery.imaging import sprite_sheets
from gallery.imaging.limits import image_limits
from gallery.ingest import archives, from_images, storing, zip_structure
from gallery.ingest.archives import ArchiveLimits, ArchiveMember, ArchiveProblem
from gallery.ingest.failures import Failures
from gallery.ingest.observers import ImportObserver, observe_import
from gallery.ingest.storing import DecodedImage, PrepareOptions, StoreOptions
from gallery.models import Dataset, FailedFile, Job
from gallery.system.cores import usable_cores
from gallery.system.open_datasets import DatasetClosedError
from gallery.system.read_ahead import Limits, read_ahead
from gallery.system.stage_timer import StageTimer
from gallery.system.storage import StorageUnavailableError, storage_errors

BATCH = 64
BATCH_BYTES = 64 * 2**20
AHEAD = 24  # pictures decoded or waiting for it, more where there are more cores
AHEAD_BYTES = 128 * 2**20
WRITERS = 4

Members = Iterable[ArchiveMember | ArchiveProblem]


class UnsafeEntryError(SemsearchError):
    """An entry of a folder or archive that is not read, for the reason given."""

    code = "skipped"


class ImportTooLongError(SemsearchError):
    """An import took more time than it may."""

    code = "import_too_long"


@dataclass
class Totals:
    """What an import did so far; `more` is what its observer and its clock have to tell."""

    images: int = 0
    duplicates: int = 0
    failed: int = 0
    more: dict[str, object] = field(default_factory=dict)

    def as_result(self) -> dict[str, object]:
        """Return the counts as a job's result; the keys of `more` are those of whoever observes imports."""
        return {"images": self.images, "duplicates": self.duplicates, "failed": self.failed, **self.more}


def check_archive(archive: File[Any]) -> None:
    """Refuse an uploaded zip that is too large, or is none. Raises: TooLargeError, UnsafeArchiveError."""
    if archive.size > settings.MAX_ARCHIVE_BYTES:
        raise TooLargeError(
            "The file is larger than MAX_ARCHIVE_BYTES allows; use import_dataset on the server."
        )
    zip_structure.check_is_zip(cast(BinaryIO, archive))


def enqueue_archive(dataset: Dataset, archive: File[Any]) -> Job:
    """Keep an uploaded zip until its import, and queue that.

    Raises: TooLargeError, UnsafeArchiveError; DatasetClosedError when the dataset is being deleted.
    """
    check_archive(archive)
    upload = default_storage.save(f"uploads/{get_random_string(16)}.zip", archive)
    try:
        return jobs.enqueue(jobs.IMPORT, dataset, upload=upload)
    except DatasetClosedError:
        default_storage.delete(upload)
        raise


def import_job(run: jobs.JobRun) -> dict[str, object]:
    """Do an import job: its parameters name a `path` on this machine, or in the storage an `upload` or a
    `selection` of pictures.

    With `announce` false nobody is told of the new images: the caller extracts their features itself. With
    `extract` true they are extracted as they come all the same; without `announce` that is what is meant.
    """
    dataset = run.job.dataset
    assert dataset is not None
    parameters = run.job.parameters
    if "upload" in parameters:
        if not default_storage.exists(parameters["upload"]):
            raise NotFoundError("The uploaded zip is not kept any longer: upload it again.")
        with default_storage.open(parameters["upload"]) as file:
            archive = cast(BinaryIO, file)  # a storage file reads and seeks like any other
            total = archives.count_members(archive, _archive_limits())
            return _import(run, dataset, archives.read_archive(archive, _archive_limits()), total)
    if "selection" in parameters:
        if not default_storage.exists(parameters["selection"]):
            raise NotFoundError("The selection of pictures is not kept any longer: make the dataset again.")
        ids = from_images.selected(parameters["selection"])
        return _import(run, dataset, from_images.members(ids), len(ids))
    path = Path(parameters["path"])
    if path.is_dir():
        members = archives.read_folder(path, _archive_limits())
    elif path.is_file():
        members = archives.read_archive(path, _archive_limits())
    else:
        raise NotFoundError(f"There is no folder or zip file at {path}.")
    if "only" in parameters:
        only = set(parameters["only"])
        return _import(run, dataset, (member for member in members if member.name in only), len(only))
    return _import(run, dataset, members, archives.count_members(path, _archive_limits()))


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


def _archive_limits() -> ArchiveLimits:
    return ArchiveLimits(
        max_entries=settings.MAX_ARCHIVE_MEMBERS,
        max_entry_bytes=settings.MAX_PICTURE_BYTES,
        max_total_bytes=settings.MAX_ARCHIVE_BYTES,
    )


def _import(run: jobs.JobRun, dataset: Dataset, members: Members, total: int) -> dict[str, object]:
    run.begin(total, "Importing pictures")
    clock = StageTimer()
    failures = Failures(run)
    with observe_import(run, dataset, clock) as observer:
        with ThreadPoolExecutor(WRITERS, thread_name_prefix="store") as writers:
            totals = _Importer(run, dataset, observer, clock, writers, failures).take(members)
        with clock.timed("atlas"):
            sprite_sheets.update(dataset, run.touch)
        more = observer.finish() if observer else {}
        totals.more = {**failures.as_result(), **more, **clock.as_result()}
    return totals.as_result()


@dataclass
class _Importer:
    """Stores the images of one import as they are decoded, and hands them to its observer."""

    run: jobs.JobRun
    dataset: Dataset
    observer: ImportObserver | None
    clock: StageTimer
    writers: ThreadPoolExecutor
    failures: Failures

    def take(self, members: Members) -> Totals:
        """Store them all. Raises: ImportTooLongError, when what came in time is stored."""
        totals = Totals()
        batch: list[DecodedImage] = []
        until = time.monotonic() + settings.IMPORT_TIMEOUT_S
        options = PrepareOptions.for_observer(image_limits(of_a_job=True), self.clock, self.observer)
        for seen, item in enumerate(_decoded(_timed(members, self.clock), options), start=1):
            if isinstance(item, DecodedImage):
                batch.append(item)
            else:
                name, error = item
                self.failures.add(name, error)
                totals.failed += 1
            is_late = time.monotonic() > until
            if len(batch) == BATCH or sum(len(image.data) for image in batch) > BATCH_BYTES or is_late:
                self._store(batch, totals)
                batch = []
            self.run.advance(seen)
            if is_late:
                raise ImportTooLongError(
                    f"The import took longer than the {settings.IMPORT_TIMEOUT_S:g} s of IMPORT_TIMEOUT_S. "
                    "The images it has stored stay; try it again for the others, or import them in parts."
                )
        if batch:
            self._store(batch, totals)
        return totals

    def _store(self, batch: list[DecodedImage], totals: Totals) -> None:
        self.run.touch()
        with self.clock.timed("store"):
            options = StoreOptions(self.writers, import_id=self.run.job.pk)
            stored = storing.store(self.dataset, batch, options)
        totals.images += len(stored.added)
        added = list(stored.added)
        for decoded, error, existing in stored.duplicates:
            # a job resumed after a crash meets its own images again: it added those
            if existing and existing.import_id == self.run.job.pk and existing.filename == decoded.name:
                totals.images += 1
                added.append((existing, decoded))
            else:
                self.failures.add(decoded.name, error, existing)
                totals.duplicates += 1
        if self.observer is not None:
            self.observer.take([(image, decoded.payload) for image, decoded in added])
        elif added and self.run.job.parameters.get("announce", True):
            signals.announce_added(self.dataset, [image for image, _ in added])


def _timed(members: Members, clock: StageTimer) -> Iterator[ArchiveMember | ArchiveProblem]:
    """Yield members, counting the time it takes to read them."""
    reading = iter(members)
    while True:
        with clock.timed("read"):
            member = next(reading, None)
        if member is None:
            return
        yield member


def _decoded(
    members: Members, options: PrepareOptions
) -> Iterator[DecodedImage | tuple[str, SemsearchError]]:
    """Decode on every core, keeping the order, with no more than a few dozen images in memory."""

    def decode(member: ArchiveMember | ArchiveProblem) -> DecodedImage:
        if isinstance(member, ArchiveProblem):
            raise UnsafeEntryError(member.reason)
        return storing.prepare(member, options)

    def size(member: ArchiveMember | ArchiveProblem) -> int:
        return len(member.data) if isinstance(member, ArchiveMember) else 0

    limits = Limits(max(AHEAD, 8 * usable_cores()), AHEAD_BYTES)
    for member, decoded in read_ahead(decode, members, limits, size=size, threads_named="import"):
        try:
            yield decoded.result()
        except SemsearchError as error:
            yield member.name, error


def retry_files(job: Job, files: Sequence[FailedFile]) -> Job:
    """Queue an import of some files of an earlier one. Raises: NotRetryableError when its source is gone."""
    path = job.parameters.get("path")
    if path is None or not Path(path).exists():
        raise jobs.NotRetryableError(
            "What these files came in is not kept after an import: add them to the dataset again."
        )
    return jobs.enqueue(jobs.IMPORT, job.dataset, path=path, only=[file.name for file in files])
