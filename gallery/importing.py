"""Brings pictures in: folder, zip or single upload -> images, deduplicated by content, failures listed."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils.crypto import get_random_string

from gallery import archives, atlases, copying, images, jobs, signals, thumbnails
from gallery.archives import ArchiveLimits, ArchiveMember, ArchiveProblem
from gallery.errors import NotFoundError, SemsearchError
from gallery.images import ImageLimits, PictureFacts
from gallery.models import Dataset, FailedFile, Image, Job

BATCH = 64
THUMBNAIL_SIDE = 320


class DuplicateError(SemsearchError):
    """The same bytes are already in the dataset."""

    code = "duplicate"
    status = 409


class UnsafeEntryError(SemsearchError):
    """An entry of a folder or archive that is not read, for the reason given."""

    code = "skipped"


@dataclass(frozen=True)
class Prepared:
    """A picture that was read, checked and made small, not yet stored."""

    name: str
    category: str
    data: bytes
    sha256: str
    facts: PictureFacts
    thumbnail: bytes


@dataclass
class Tally:
    """What an import did so far."""

    images: int = 0
    duplicates: int = 0
    failed: int = 0

    def as_result(self) -> dict[str, Any]:
        """Return the counts as a job's result."""
        return {"images": self.images, "duplicates": self.duplicates, "failed": self.failed}


def image_limits() -> ImageLimits:
    """Return the configured limits of one picture."""
    return ImageLimits(max_bytes=settings.MAX_PICTURE_BYTES, max_pixels=settings.MAX_PICTURE_PIXELS)


def prepare(member: ArchiveMember) -> Prepared:
    """Check a picture and make its thumbnail. Raises: NotAPictureError, TooLargeError."""
    facts, rgb = images.decode_with_facts(member.data, image_limits(), shortest_side=THUMBNAIL_SIDE)
    return Prepared(
        name=member.name[-500:],
        category=member.category[:200],
        data=member.data,
        sha256=hashlib.sha256(member.data).hexdigest(),
        facts=facts,
        thumbnail=thumbnails.thumbnail(rgb, THUMBNAIL_SIDE),
    )


def add_picture(dataset: Dataset, name: str, data: bytes, category: str = "") -> Image:
    """Store one picture now and announce it.

    Raises: NotAPictureError, TooLargeError, DuplicateError.
    """
    prepared = prepare(ArchiveMember(name=name, category=category, data=data))
    added, duplicates = _store(dataset, [prepared])
    if duplicates:
        raise duplicates[0][1]
    signals.images_added.send(Image, dataset_id=dataset.pk, image_ids=[image.pk for image in added])
    return added[0]


def enqueue_archive(dataset: Dataset, archive: File[Any]) -> Job:
    """Keep an uploaded zip until its import, and queue that."""
    upload = default_storage.save(f"uploads/{get_random_string(16)}.zip", archive)
    return jobs.enqueue(Job.Kind.IMPORT, dataset, upload=upload)


def import_job(run: jobs.JobRun) -> dict[str, Any]:
    """Do an import job: its parameters name a `path` on this machine, or in the storage an `upload` or a
    `selection` of pictures.

    With `announce` false nobody is told of the new images: the caller extracts their features itself.
    """
    dataset = run.job.dataset
    assert dataset is not None
    tally = _import_asked(run, dataset)
    atlases.update(dataset, run.touch)
    if run.job.attempts > 1 and run.job.parameters.get("announce", True):
        # an earlier attempt may have been killed between storing pictures and telling of them
        signals.images_added.send(Image, dataset_id=dataset.pk, image_ids=[])
    return tally.as_result()


def _import_asked(run: jobs.JobRun, dataset: Dataset) -> Tally:
    parameters = run.job.parameters
    if "upload" in parameters:
        return _import_upload(run, dataset, parameters["upload"])
    if "selection" in parameters:
        return _import_selection(run, dataset, parameters["selection"])
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


def _import_upload(run: jobs.JobRun, dataset: Dataset, upload: str) -> Tally:
    if not default_storage.exists(upload):
        raise NotFoundError("The uploaded zip is not kept any longer: upload it again.")
    with default_storage.open(upload) as file:
        archive = cast(BinaryIO, file)  # a storage file reads and seeks like any other
        total = archives.count_members(archive)
        return _import(run, dataset, archives.read_archive(archive, _archive_limits()), total)


def _import_selection(run: jobs.JobRun, dataset: Dataset, selection: str) -> Tally:
    if not default_storage.exists(selection):
        raise NotFoundError("The selection of pictures is not kept any longer: make the dataset again.")
    ids = copying.selected(selection)
    return _import(run, dataset, copying.members(ids), len(ids))


def _drop_source(job: Job) -> None:
    """Remove the upload or selection that a job imports: nothing reads it when the job has ended."""
    for name in ("upload", "selection"):
        if name in job.parameters:
            default_storage.delete(job.parameters[name])


def _archive_limits() -> ArchiveLimits:
    return ArchiveLimits(
        max_entry_bytes=settings.MAX_PICTURE_BYTES, max_total_bytes=settings.MAX_ARCHIVE_BYTES
    )


def _import(
    run: jobs.JobRun, dataset: Dataset, members: Iterable[ArchiveMember | ArchiveProblem], total: int
) -> Tally:
    tally = Tally()
    run.begin(total, "Importing pictures")
    batch: list[Prepared] = []
    for seen, item in enumerate(_prepared(members), start=1):
        if isinstance(item, Prepared):
            batch.append(item)
        else:
            name, error = item
            run.fail_file(name, error)
            tally.failed += 1
        if len(batch) == BATCH:
            _add_batch(run, dataset, batch, tally)
            batch = []
        run.advance(seen)
    _add_batch(run, dataset, batch, tally)
    return tally


def _prepared(
    members: Iterable[ArchiveMember | ArchiveProblem],
) -> Iterator[Prepared | tuple[str, SemsearchError]]:
    """Decode on every core, keeping the order, with no more than a few dozen pictures in memory."""
    workers = os.cpu_count() or 1
    waiting: deque[tuple[str, Future[Prepared] | SemsearchError]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="import") as pool:
        for member in members:
            if isinstance(member, ArchiveProblem):
                waiting.append((member.name, UnsafeEntryError(member.reason)))
            else:
                waiting.append((member.name, pool.submit(prepare, member)))
            while len(waiting) > 8 * workers:
                yield _outcome(*waiting.popleft())
        while waiting:
            yield _outcome(*waiting.popleft())


def _outcome(name: str, pending: Future[Prepared] | SemsearchError) -> Prepared | tuple[str, SemsearchError]:
    if isinstance(pending, SemsearchError):
        return name, pending
    try:
        return pending.result()
    except SemsearchError as error:
        return name, error


def _add_batch(run: jobs.JobRun, dataset: Dataset, batch: list[Prepared], tally: Tally) -> None:
    if not batch:
        return
    run.touch()
    added, duplicates = _store(dataset, batch)
    for name, error, existing in duplicates:
        # a job resumed after a crash meets its own pictures again: those are its harvest
        if existing and existing.created_at >= run.job.created_at and existing.filename == name:
            tally.images += 1
        else:
            run.fail_file(name, error, existing)
            tally.duplicates += 1
    tally.images += len(added)
    if added and run.job.parameters.get("announce", True):
        signals.images_added.send(Image, dataset_id=dataset.pk, image_ids=[image.pk for image in added])


# name, reason, and the stored picture it repeats (None when that one came in the same batch)
Duplicates = list[tuple[str, DuplicateError, Image | None]]


def _store(dataset: Dataset, batch: list[Prepared]) -> tuple[list[Image], Duplicates]:
    """Write files, then rows; a row never points at a file that is not there."""
    for _ in range(3):
        fresh, duplicates = _split(dataset, batch)
        rows = [_write_files(dataset, picture) for picture in fresh]
        try:
            with transaction.atomic():
                return Image.objects.bulk_create(rows), duplicates
        except IntegrityError:
            # another import stored one of them in this moment: look again
            continue
    raise SemsearchError("The same pictures are being imported by several jobs; try again when they end.")


def _split(dataset: Dataset, batch: list[Prepared]) -> tuple[list[Prepared], Duplicates]:
    known: dict[str, Image] = {
        image.sha256: image
        for image in Image.objects.filter(dataset=dataset, sha256__in=[picture.sha256 for picture in batch])
    }
    fresh: dict[str, Prepared] = {}
    duplicates: Duplicates = []
    for picture in batch:
        first = known.get(picture.sha256)
        if first is not None:
            words = f"The same picture as “{first.filename}”, which is already in this dataset."
            duplicates.append((picture.name, DuplicateError(words), first))
        elif picture.sha256 in fresh:
            twin = fresh[picture.sha256]
            words = f"The same picture as “{twin.name}”, which is already in this dataset."
            duplicates.append((picture.name, DuplicateError(words), None))
        else:
            fresh[picture.sha256] = picture
    return list(fresh.values()), duplicates


def _row(dataset: Dataset, picture: Prepared) -> Image:
    return Image(
        dataset=dataset,
        sha256=picture.sha256,
        filename=picture.name,
        category=picture.category,
        width=picture.facts.width,
        height=picture.facts.height,
        size_bytes=len(picture.data),
        format=picture.facts.format,
    )


def _write_files(dataset: Dataset, picture: Prepared) -> Image:
    image = _row(dataset, picture)
    image.file.name = _write(image, "file", f"{picture.sha256}.{picture.facts.extension}", picture.data)
    image.thumbnail.name = _write(image, "thumbnail", f"{picture.sha256}.webp", picture.thumbnail)
    return image


def _write(image: Image, field: str, name: str, data: bytes) -> str:
    path: str = Image._meta.get_field(field).generate_filename(image, name)  # type: ignore[union-attr]
    # what is there without a row is the rest of a crash, perhaps half of a file
    default_storage.delete(path)
    return default_storage.save(path, ContentFile(data))


def _files_again(job: Job, files: Sequence[FailedFile]) -> Job:
    """Queue an import of some files of an earlier one. Raises: NotRetryableError when its source is gone."""
    path = job.parameters.get("path")
    if path is None or not Path(path).exists():
        raise jobs.NotRetryableError(
            "What these files came in is not kept after an import: add them to the dataset again."
        )
    return jobs.enqueue(Job.Kind.IMPORT, job.dataset, path=path, only=[file.name for file in files])


jobs.register(Job.Kind.IMPORT, import_job, leftovers=_drop_source, files_again=_files_again)
