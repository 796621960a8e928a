"""Checked pictures in, stored images out: deduplicated by content, files before rows.

What comes again while it is hidden, in the bin or without its file, is shown again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils.crypto import get_random_string

from gallery.errors import NotFoundError, SemsearchError
from gallery.imaging import decoding, thumbnails
from gallery.imaging.decoding import ImageFacts, ImageLimits
from gallery.imaging.limits import image_limits
from gallery.imaging.types import RGB
from gallery.ingest import datasets
from gallery.ingest.observers import ImageObserver
from gallery.ingest.removals import bin, missing
from gallery.ingest.sources.members import ArchiveMember
from gallery.models import SHOWN_IMAGE, Dataset, Image
from gallery.system.concurrency.cores import core_lock
from gallery.system.home import storage_mark
from gallery.system.measuring.stage_timer import StageTimer
from gallery.system.open_datasets import hold_open
from gallery.system.storage import storage_errors

THUMBNAIL_SIDE = 320
TRIED = 5  # times to store what other imports store at the same moment


class DuplicateError(SemsearchError):
    """The same bytes are already in the dataset, as the image of the number `image`."""

    code = "duplicate"
    status = 409

    def __init__(self, image: Image) -> None:
        super().__init__(
            f"The same image as “{image.filename}” (image {image.pk}), which is already in this dataset."
        )
        self.image = image.pk


@dataclass(frozen=True)
class PrepareOptions:
    """How images are prepared: limits, what an observer keeps of each, and the shortest side it needs."""

    limits: ImageLimits
    clock: StageTimer
    payload: Callable[[RGB], Any] | None = None
    shortest_side: int = 1

    @classmethod
    def for_observer(
        cls, limits: ImageLimits, clock: StageTimer, observer: ImageObserver | None
    ) -> PrepareOptions:
        """Return the options that an observer needs, if there is one."""
        if observer is None:
            return cls(limits, clock)
        return cls(limits, clock, observer.prepare, observer.shortest_side)


@dataclass(frozen=True)
class DecodedImage:
    """An image that was checked and made small, not yet stored; `payload` is for who observes the import."""

    name: str
    category: str
    data: bytes
    sha256: str
    facts: ImageFacts
    thumbnail: bytes
    payload: Any
    further: tuple[str, ...] = ()
    split: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)


# what came, and the stored image that it repeats
Duplicate = tuple[DecodedImage, Image]


@dataclass(frozen=True)
class StoreResult:
    """What became of a batch: the new images and those that came back, and what was there already."""

    added: list[tuple[Image, DecodedImage]]
    duplicates: list[Duplicate]


def prepare(member: ArchiveMember, options: PrepareOptions) -> DecodedImage:
    """Check a picture, decode it once and make its thumbnail. Raises: NotAnImageError, TooLargeError."""
    with core_lock():
        return _decoded(member, options)


def _decoded(member: ArchiveMember, options: PrepareOptions) -> DecodedImage:
    with options.clock.timed("hash"):
        sha256 = hashlib.sha256(member.data).hexdigest()
    payload, shortest = None, options.shortest_side
    with ExitStack() as held:
        with options.clock.timed("decode"):
            facts, rgb = held.enter_context(
                decoding.held(
                    member.data, options.limits, shortest_side=shortest, longest_side=THUMBNAIL_SIDE
                )
            )
        with options.clock.timed("thumbnail"):
            thumbnail = thumbnails.thumbnail(rgb, THUMBNAIL_SIDE)
        if options.payload is not None:
            with options.clock.timed("prepare"):
                payload = options.payload(rgb)
    return DecodedImage(
        name=member.name[-500:],
        category=member.category[:200],
        data=member.data,
        sha256=sha256,
        facts=facts,
        thumbnail=thumbnail,
        payload=payload,
        further=tuple(name[:200] for name in member.further),
        split=member.split,
        metadata=member.metadata,
    )


@dataclass(frozen=True)
class StoreOptions:
    """How images are stored: with the threads of a pool, and as those of an import (the number of its job).

    `stored` is called with the new rows in the transaction that stores them.
    """

    pool: Executor | None = None
    import_id: int | None = None
    stored: Callable[[list[Image]], None] | None = None


def store(dataset: Dataset, batch: list[DecodedImage], options: StoreOptions | None = None) -> StoreResult:
    """Write files, then rows; a row never points at a file that is not there, nor a file at no row.

    Raises: DatasetClosedError when the dataset is being deleted; StorageAwayError where the storage is not
    that of this installation.
    """
    options = options or StoreOptions()
    storage_mark.require()
    back: list[tuple[Image, DecodedImage]] = []
    for _ in range(TRIED):
        back += _bring_back(dataset, batch)
        batch = [decoded for decoded in batch if not any(decoded is one for _, one in back)]
        fresh, repeated = _fresh(dataset, batch, [image for image, _ in back])
        rows = [_row(dataset, decoded, options.import_id) for decoded in fresh]
        try:
            _write_all(zip(rows, fresh, strict=True), options.pool)
            with transaction.atomic():
                added = Image.objects.bulk_create(rows)
                # behind the rows, whose counts hold the dataset already
                hold_open(dataset)
                if options.stored is not None:
                    options.stored(added)
        except IntegrityError:
            # another import stored one of them in this moment, or somebody deleted one: look again
            _drop_files(rows)
            continue
        except Exception:
            _drop_files(rows)
            raise
        known = {image.sha256: image for image in added}
        duplicates = [(decoded, image or known[decoded.sha256]) for decoded, image in repeated]
        return StoreResult([*zip(added, fresh, strict=True), *back], duplicates)
    raise SemsearchError("The same images are being imported by several jobs; try again when they end.")


def _drop_files(rows: list[Image]) -> None:
    """Remove what was written for rows that were not stored.

    Not an original that a verification has taken in meanwhile, which found it without a row.
    """
    for row in rows:
        with suppress(OSError), storage_errors():
            default_storage.delete(str(row.thumbnail.name))
            adopted = Image.everything.filter(dataset=row.dataset_id, file=row.file.name)
            if not adopted.exists():
                default_storage.delete(str(row.file.name))


def _bring_back(dataset: Dataset, batch: list[DecodedImage]) -> list[tuple[Image, DecodedImage]]:
    """Show again what is hidden of a batch, whole, with its files.

    A label that comes with it replaces that of an image that lay in the bin; one whose file was missing has
    never been given up, and keeps its own. Of the same bytes twice in a batch one comes back and the other is
    a duplicate.
    """
    coming = {decoded.sha256: decoded for decoded in reversed(batch)}
    rows = Image.everything.filter(dataset=dataset, sha256__in=coming).filter(~SHOWN_IMAGE)
    back = {row.sha256: (row, coming[row.sha256]) for row in rows.select_related("dataset").order_by("pk")}
    for row, decoded in back.values():
        for file, content in ((row.file, decoded.data), (row.thumbnail, decoded.thumbnail)):
            if not default_storage.exists(str(file.name)):
                _write(str(file.name), content)
    ids = [row.pk for row, _ in back.values()]
    missing.unmark(ids)
    bin.restore_images(ids)
    # what is deleted in this moment is stored anew
    shown = set(Image.objects.filter(pk__in=ids).values_list("pk", flat=True))
    found = []
    for row, decoded in back.values():
        if row.pk not in shown:
            continue
        if decoded.category and (row.deleted_at is not None or not row.category):
            try:
                datasets.label(row, decoded.category)
            except NotFoundError:
                continue
        row.deleted_at = row.missing_since = None
        found.append((row, decoded))
    return found


def _fresh(
    dataset: Dataset, batch: list[DecodedImage], back: list[Image]
) -> tuple[list[DecodedImage], list[tuple[DecodedImage, Image | None]]]:
    """Return what is new, and the rest with the image that was there, None for one of this batch.

    What came `back` in this moment is there as the very rows that are given: whoever takes the images of a
    batch changes each in one place.
    """
    rows = Image.objects.filter(dataset=dataset, sha256__in=[decoded.sha256 for decoded in batch])
    known: dict[str, Image] = {image.sha256: image for image in (*rows, *back)}
    fresh: dict[str, DecodedImage] = {}
    repeated: list[tuple[DecodedImage, Image | None]] = []
    for decoded in batch:
        if decoded.sha256 in known or decoded.sha256 in fresh:
            repeated.append((decoded, known.get(decoded.sha256)))
        else:
            fresh[decoded.sha256] = decoded
    return list(fresh.values()), repeated


def adopt(dataset: Dataset, name: str, decoded: DecodedImage) -> Image:
    """Make the row of an original that is stored under this name already, and its thumbnail."""
    image = _row(dataset, decoded, None)
    image.file.name = name
    image.thumbnail.name = _write(str(image.thumbnail.name), decoded.thumbnail)
    image.save(force_insert=True)
    return image


def make_thumbnail(image: Image, data: bytes) -> None:
    """Make the thumbnail of a stored image anew. Raises: NotAnImageError, TooLargeError."""
    limits = image_limits(of_a_job=True)
    with decoding.held(data, limits, shortest_side=1, longest_side=THUMBNAIL_SIDE) as (_, rgb):
        thumbnail = thumbnails.thumbnail(rgb, THUMBNAIL_SIDE)
    _write(str(image.thumbnail.name), thumbnail)


def _row(dataset: Dataset, decoded: DecodedImage, import_id: int | None) -> Image:
    image = Image(
        dataset=dataset,
        import_id=import_id,
        sha256=decoded.sha256,
        filename=decoded.name,
        category=decoded.category,
        split=decoded.split,
        metadata=dict(decoded.metadata),
        width=decoded.facts.width,
        height=decoded.facts.height,
        size_bytes=len(decoded.data),
        format=decoded.facts.format,
        note=decoded.facts.note[:200],
    )
    # A name of its own: whoever deletes a row, or fails to store one, takes no file of another row away. An
    # import that goes on after a crash comes to the same names.
    name = f"{decoded.sha256}_{get_random_string(7) if import_id is None else import_id}"
    image.file.name = _path(image, "file", f"{name}.{decoded.facts.extension}")
    image.thumbnail.name = _path(image, "thumbnail", f"{name}.{thumbnails.EXTENSION}")
    return image


def _path(image: Image, field: str, name: str) -> str:
    path: str = Image._meta.get_field(field).generate_filename(image, name)  # type: ignore[union-attr]
    return path


def _write_all(decoded_images: Iterable[tuple[Image, DecodedImage]], pool: Executor | None) -> None:
    if pool is None:
        for image, decoded in decoded_images:
            _write_files(image, decoded)
        return
    for writing in [pool.submit(_write_files, image, decoded) for image, decoded in decoded_images]:
        writing.result()


def _write_files(image: Image, decoded: DecodedImage) -> None:
    image.file.name = _write(str(image.file.name), decoded.data)
    image.thumbnail.name = _write(str(image.thumbnail.name), decoded.thumbnail)


def _write(path: str, data: bytes) -> str:
    # what is there without a row is the rest of a crash, perhaps half of a file
    default_storage.delete(path)
    return default_storage.save(path, ContentFile(data))
