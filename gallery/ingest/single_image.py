"""Adds one image while somebody waits: decoded once, stored, found by searches when its job has ended."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from gallery import signals
from gallery.access import audit
from gallery.imaging.limits import image_limits
from gallery.ingest import image_changes, storing
from gallery.ingest.image_changes import KnownAs
from gallery.ingest.observers import observe_single
from gallery.ingest.sources.members import ArchiveMember
from gallery.ingest.storing import DuplicateError, PrepareOptions, StoreOptions
from gallery.models import Dataset, Image, Job
from gallery.system.measuring.stage_timer import StageTimer


@dataclass(frozen=True)
class AddedImage:
    """A new image, and the job that makes it searchable, which may have ended already; None for no job."""

    image: Image
    job: Job | None


def add_image(
    dataset: Dataset, name: str, data: bytes, category: str = "", known_as: KnownAs | None = None
) -> AddedImage:
    """Store one image now, with what another system knows of it, and have it made searchable.

    Raises: NotAnImageError, TooLargeError, DuplicateError, ExternalIdTakenError, DatasetClosedError.
    """
    known_as = known_as or KnownAs()
    observer = observe_single(dataset)
    options = PrepareOptions.for_observer(image_limits(), StageTimer(), observer)
    decoded = storing.prepare(ArchiveMember(name=name, category=category, data=data), options)
    image_changes.require_free(dataset, known_as.external_id, decoded.sha256)
    described: list[int] = []
    stored = storing.store(dataset, [decoded], StoreOptions(stored=partial(_added, known_as, described)))
    if stored.duplicates:
        raise DuplicateError(stored.duplicates[0][1])
    image = stored.added[0][0]
    if known_as != KnownAs() and image.pk not in described:  # it was hidden, and has come back
        image_changes.describe(image, known_as)
    if observer is None:
        return AddedImage(image, signals.announce_added(dataset, [image]))
    return AddedImage(image, observer.take(image, decoded.payload))


def _added(known_as: KnownAs, described: list[int], images: list[Image]) -> None:
    for image in images:
        if known_as != KnownAs():
            image_changes.describe(image, known_as)
            described.append(image.pk)
        audit.record("image.add", image, label=image.category)
