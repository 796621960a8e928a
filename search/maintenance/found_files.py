"""Takes stored originals that have no row in again, or moves them to lost+found/: nothing is thrown away.

What lies there goes back to its place when its row is there again, as after somebody had compared another
database with this storage.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone

from gallery.access import audit
from gallery.browse.bin_contents import STORED
from gallery.errors import SemsearchError
from gallery.imaging.limits import image_limits
from gallery.ingest import storing
from gallery.ingest.sources.members import ArchiveMember
from gallery.ingest.storing import PrepareOptions
from gallery.models import Dataset, Image, Job
from gallery.system.measuring.stage_timer import StageTimer
from search.maintenance.stored_files import LOST_AND_FOUND

# so old is what no import that runs now has just stored, to give it a row in a moment
SETTLED = timedelta(hours=1)


def take_in(names: Iterable[str]) -> Iterator[str]:
    """Take stored originals without a row in, and say of each what became of it.

    Its place names the dataset, its name the SHA-256 of its content; the name and the label that the image
    had are not known. What does not fit moves to lost+found/, under the name of its file; a report there says
    why.
    """
    moved: list[str] = []
    unsettled = set(at_work(names := list(names)))
    try:
        for name in names:
            if name in unsettled:
                yield f"Left {name}: an import that runs now may be at it."
                continue
            try:
                image, why = _adopted(name)
                if image is not None:
                    yield f"Took {name} in again as image {image.pk} of {image.dataset.name}."
                elif why:
                    moved.append(f"Moved {name} to {_set_aside(name)}: {why}")
                    yield moved[-1]
            except OSError as error:
                yield f"Left {name}: {error}"
    finally:
        if moved:
            _write_report(moved)


def at_work(names: Iterable[str]) -> Iterator[str]:
    """Yield the names of files to which an import that runs now may be about to give a row."""
    if Job.objects.filter(state__in=Job.ACTIVE).exists():
        settled = timezone.now() - SETTLED
        for name in names:
            with suppress(FileNotFoundError):
                if default_storage.get_modified_time(name) > settled:
                    yield name


def put_back(image_ids: Iterable[int]) -> list[int]:
    """Put originals that lie in lost+found/ back to their place; returns the images whose file is back."""
    back = []
    for pk in image_ids:
        image = Image.everything.get(pk=pk)
        name = str(image.file.name)
        with default_storage.open(f"{LOST_AND_FOUND}/{name}") as file:
            data = file.read()
        if hashlib.sha256(data).hexdigest() == image.sha256 and not default_storage.exists(name):
            default_storage.save(name, ContentFile(data))
            default_storage.delete(f"{LOST_AND_FOUND}/{name}")
            back.append(pk)
    return back


def _adopted(name: str) -> tuple[Image | None, str]:
    """Return the image made of a file, or why there is none; neither where it has got a row by now."""
    place = STORED.fullmatch(name)
    dataset = Dataset.everything.filter(pk=int(place["dataset"])).first() if place else None
    if place is None or dataset is None:
        return None, "it belongs to no dataset that there is."
    if dataset.closed_at is not None:
        return None, ""  # it goes with the dataset
    own = Image.everything.filter(dataset=dataset, sha256=place["sha256"]).first()
    if own is not None:
        return None, "" if own.file.name == name else f"image {own.pk} has the same content."
    with default_storage.open(name) as file:
        data = file.read()
    member = ArchiveMember(name=name.rpartition("/")[2], category="", data=data)
    try:
        decoded = storing.prepare(member, PrepareOptions(image_limits(of_a_job=True), StageTimer()))
    except SemsearchError as error:
        return None, error.detail
    if decoded.sha256 != place["sha256"]:
        return None, "its content is not what its name says."
    try:
        with transaction.atomic():
            image = storing.adopt(dataset, name, decoded)
            audit.record("verification.adopt", image)
    except IntegrityError:  # an import has stored it in this moment
        return None, ""
    return image, ""


def _write_report(lines: Iterable[str]) -> None:
    """Leave a note beside what was moved, of where it was and why it is there."""
    name = f"{LOST_AND_FOUND}/report-{timezone.now():%Y-%m-%d-%H%M%S}.txt"
    default_storage.save(name, ContentFile("".join(f"{line}\n" for line in lines).encode()))


def _set_aside(name: str) -> str:
    with default_storage.open(name) as file:
        kept: str = default_storage.save(f"{LOST_AND_FOUND}/{name}", file)
    default_storage.delete(name)
    return kept
