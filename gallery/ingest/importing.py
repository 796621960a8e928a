"""Brings pictures in: folder, zip or single upload -> images, deduplicated by content, failures listed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils.crypto import get_random_string

from gallery import jobs, signals
from gallery.errors import NotFoundError, SemsearchError
from gallery.imaging import sprite_sheets
from gallery.imaging.limits import image_limits
from gallery.ingest import archives, from_images, storing
from gallery.ingest.archives import ArchiveLimits, ArchiveMember, ArchiveProblem
from gallery.ingest.observers import Follower, following
from gallery.ingest.storing import Prepared, Preparing
from gallery.models import Dataset, FailedFile, Image, Job
from gallery.system.cores import usable_cores
from gallery.system.stage_timer import StageClock

BATCH = 64
BATCH_BYTES = 64 * 2**20
AHEAD = 24  # pictures decoded or waiting for it, more where there are more cores
AHEAD_BYTES = 128 * 2**20
WRITERS = 4

Members = Iterable[ArchiveMember | ArchiveProblem]


class UnsafeEntryError(SemsearchError):
    """An entry of a folder or archive that is not read, for the reason given."""

    code = "skipped"


@dataclass
class Tally:
    """What an import did so far; `more` is what its follower and its clock have to tell."""

    images: int = 0
    duplicates: int = 0
    failed: int = 0
    more: dict[str, Any] = field(default_factory=dict)

    def as_result(self) -> dict[str, Any]:
        """Return the counts as a job's result."""
        return {"images": self.images, "duplicates": self.duplicates, "failed": self.failed, **self.more}


def add_picture(dataset: Dataset, name: str, data: bytes, category: str = "") -> Image:
    """Store one picture now and announce it.

    Raises: NotAPictureError, TooLargeError, DuplicateError.
    """
    member = ArchiveMember(name=name, category=category, data=data)
    stored = storing.store(dataset, [storing.prepare(member, Preparing(image_limits(), StageClock()))])
    if stored.duplicates:
        raise stored.duplicates[0][1]
    image = stored.added[0][0]
    _announce(dataset, [image])
    return image


def enqueue_archive(dataset: Dataset, archive: File[Any]) -> Job:
    """Keep an uploaded zip until its import, and queue that."""
    upload = default_storage.save(f"uploads/{get_random_string(16)}.zip", archive)
    return jobs.enqueue(Job.Kind.IMPORT, dataset, upload=upload)


def import_job(run: jobs.JobRun) -> dict[str, Any]:
    """Do an import job: its parameters name a `path` on this machine, or in the storage an `upload` or a
    `selection` of pictures.

    With `announce` false nobody is told of the new images: the caller extracts their features itself. With
    `extract` true they are extracted as they come all the same; without `announce` that is what is meant.
    """
    dataset = run.job.dataset
    assert dataset is not None
    try:
        return _import_asked(run, dataset)
    except (jobs.JobStoppedError, jobs.JobInterruptedError):
        raise  # cancelled, which `_end` is told of, or to be gone on with
    except Exception:
        _announce_unfinished(run.job)
        raise


def _import_asked(run: jobs.JobRun, dataset: Dataset) -> dict[str, Any]:
    parameters = run.job.parameters
    if "upload" in parameters:
        if not default_storage.exists(parameters["upload"]):
            raise NotFoundError("The uploaded zip is not kept any longer: upload it again.")
        with default_storage.open(parameters["upload"]) as file:
            archive = cast(BinaryIO, file)  # a storage file reads and seeks like any other
            total = archives.count_members(archive)
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
    return _import(run, dataset, members, archives.count_members(path))


def _end(job: Job) -> None:
    """Remove the upload or selection that a job imports: nothing reads it when the job has ended for good."""
    for name in ("upload", "selection"):
        if name in job.parameters:
            default_storage.delete(job.parameters[name])
    if Job.objects.filter(pk=job.pk).exclude(state=Job.State.SUCCEEDED).exists():
        _announce_unfinished(job)


def _announce_unfinished(job: Job) -> None:
    """Leave to an extraction of its own what an import stored and did not come to extract."""
    dataset = Dataset.objects.filter(jobs=job).first()
    if dataset is not None and dataset.images.exists() and job.parameters.get("announce", True):
        _announce(dataset, [])


def _archive_limits() -> ArchiveLimits:
    return ArchiveLimits(
        max_entry_bytes=settings.MAX_PICTURE_BYTES, max_total_bytes=settings.MAX_ARCHIVE_BYTES
    )


def _announce(dataset: Dataset, added: list[Image]) -> None:
    signals.images_added.send(Image, dataset_id=dataset.pk, image_ids=[image.pk for image in added])


def _import(run: jobs.JobRun, dataset: Dataset, members: Members, total: int) -> dict[str, Any]:
    run.begin(total, "Importing pictures")
    clock = StageClock()
    with following(run, dataset, clock) as follower:
        with ThreadPoolExecutor(WRITERS, thread_name_prefix="store") as writers:
            tally = _Importer(run, dataset, follower, clock, writers).take(members)
        with clock.timed("atlas"):
            sprite_sheets.update(dataset, run.touch)
        tally.more = (follower.finish() if follower else {}) | clock.as_result()
    return tally.as_result()


@dataclass
class _Importer:
    """Stores the pictures of one import as they are decoded, and hands them to its follower."""

    run: jobs.JobRun
    dataset: Dataset
    follower: Follower | None
    clock: StageClock
    writers: ThreadPoolExecutor

    def take(self, members: Members) -> Tally:
        """Store them all."""
        tally = Tally()
        batch: list[Prepared] = []
        for seen, item in enumerate(_prepared(_timed(members, self.clock), self._preparing()), start=1):
            if isinstance(item, Prepared):
                batch.append(item)
            else:
                name, error = item
                self.run.fail_file(name, error)
                tally.failed += 1
            if len(batch) == BATCH or sum(len(picture.data) for picture in batch) > BATCH_BYTES:
                self._store(batch, tally)
                batch = []
            self.run.advance(seen)
        if batch:
            self._store(batch, tally)
        return tally

    def _preparing(self) -> Preparing:
        if self.follower is None:
            return Preparing(image_limits(), self.clock)
        return Preparing(image_limits(), self.clock, self.follower.prepare, self.follower.shortest_side)

    def _store(self, batch: list[Prepared], tally: Tally) -> None:
        self.run.touch()
        with self.clock.timed("store"):
            stored = storing.store(self.dataset, batch, self.writers)
        tally.images += len(stored.added)
        harvest = list(stored.added)
        for picture, error, existing in stored.duplicates:
            # a job resumed after a crash meets its own pictures again: those are its harvest
            if (
                existing
                and existing.created_at >= self.run.job.created_at
                and existing.filename == picture.name
            ):
                tally.images += 1
                harvest.append((existing, picture))
            else:
                self.run.fail_file(picture.name, error, existing)
                tally.duplicates += 1
        if self.follower is not None:
            self.follower.take([(image, picture.kept) for image, picture in harvest])
        elif harvest and self.run.job.parameters.get("announce", True):
            _announce(self.dataset, [image for image, _ in harvest])


def _timed(members: Members, clock: StageClock) -> Iterator[ArchiveMember | ArchiveProblem]:
    """Yield members, counting the time it takes to read them."""
    reading = iter(members)
    while True:
        with clock.timed("read"):
            member = next(reading, None)
        if member is None:
            return
        yield member


def _prepared(members: Members, how: Preparing) -> Iterator[Prepared | tuple[str, SemsearchError]]:
    """Decode on every core, keeping the order, with no more than a few dozen pictures in memory."""
    workers = usable_cores()
    most = max(AHEAD, 8 * workers)
    waiting: deque[tuple[str, int, Future[Prepared] | SemsearchError]] = deque()
    waiting_bytes = 0
    pool = ThreadPoolExecutor(workers, thread_name_prefix="import")
    try:
        for member in members:
            if isinstance(member, ArchiveProblem):
                waiting.append((member.name, 0, UnsafeEntryError(member.reason)))
            else:
                size = len(member.data)
                waiting.append((member.name, size, pool.submit(storing.prepare, member, how)))
                waiting_bytes += size
            while len(waiting) > most or (waiting_bytes > AHEAD_BYTES and len(waiting) > workers):
                waiting_bytes -= waiting[0][1]
                yield _outcome(*waiting.popleft())
        while waiting:
            yield _outcome(*waiting.popleft())
    finally:  # whoever stops half-way is not kept waiting for what was ahead
        pool.shutdown(cancel_futures=True)


def _outcome(
    name: str, _size: int, pending: Future[Prepared] | SemsearchError
) -> Prepared | tuple[str, SemsearchError]:
    if isinstance(pending, SemsearchError):
        return name, pending
    try:
        return pending.result()
    except SemsearchError as error:
        return name, error


def _files_again(job: Job, files: Sequence[FailedFile]) -> Job:
    """Queue an import of some files of an earlier one. Raises: NotRetryableError when its source is gone."""
    path = job.parameters.get("path")
    if path is None or not Path(path).exists():
        raise jobs.NotRetryableError(
            "What these files came in is not kept after an import: add them to the dataset again."
        )
    return jobs.enqueue(Job.Kind.IMPORT, job.dataset, path=path, only=[file.name for file in files])


jobs.register(Job.Kind.IMPORT, import_job, leftovers=_end, files_again=_files_again)
