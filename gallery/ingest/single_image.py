"""Adds one image while somebody waits: decoded once, stored, found by searches when its job has ended."""

from __future__ import annotations

from dataclasses import dataclass

from gallery import signals
from gallery.access import audit
from gallery.imaging.limits import image_limits
from gallery.ingest import storing
from gallery.ingest.members import ArchiveMember
from gallery.ingest.observers import observe_single
from gallery.ingest.storing import DuplicateError, PrepareOptions, StoreOptions
from gallery.models import Dataset, Image, Job
from gallery.system.stage_timer import StageTimer


@dataclass(frozen=True)
class AddedImage:
    """A new image, and the job that makes it searchable, which may have ended already; None for no job."""

    image: Image
    job: Job | None


def add_image(dataset: Dataset, name: str, data: bytes, category: str = "") -> AddedImage:
    """Store one image now, and have it made searchable.

    Raises: NotAnImageError, TooLargeError, DuplicateError, DatasetClosedError.
    """
    observer = observe_single(dataset)
    options = PrepareOptions.for_observer(image_limits(), StageTimer(), observer)
    decoded = storing.prepare(ArchiveMember(name=name, category=category, data=data), options)
    stored = storing.store(dataset, [decoded], StoreOptions(stored=_record))
    if stored.duplicates:
        raise DuplicateError(stored.duplicates[0][1])
    image = stored.added[0][0]
    if observer is None:
        return AddedImage(image, signals.announce_added(dataset, [image]))
    return AddedImage(image, observer.take(image, decoded.payload))


def _record(images: list[Image]) -> None:
    for image in images:
        audit.record("image.add", image, label=image.category)
