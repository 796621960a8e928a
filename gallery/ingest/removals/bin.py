"""The bin: what people delete lies there for TRASH_DAYS, hidden from everybody, and comes back whole.

An image in the bin is a row with a date; its files, label and vectors stay. A dataset in the bin is a row
with a date too, and nothing below it changes: its slug is free for another meanwhile. What has lain there
long enough is removed for good, by the schedule.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import count

from django.conf import settings
from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone

from gallery import jobs, signals
from gallery.access import audit
from gallery.errors import NotFoundError
from gallery.ingest import datasets, image_changes
from gallery.ingest.removals import dataset_removal, hiding, removal
from gallery.models import DOOMED, Category, Dataset, Image, Job
from gallery.system.concurrency.conflicts import repeated
from gallery.system.concurrency.held_rows import locked
from gallery.system.home import storage_mark

logger = logging.getLogger(__name__)

LONGEST_SLUG = 80


def delete_images(image_ids: Iterable[int]) -> int:
    """Put images into the bin, or remove them for good where TRASH_DAYS is 0; returns how many."""
    if settings.TRASH_DAYS == 0:
        return removal.remove_images(image_ids)
    return sum(repeated(partial(_delete_chunk, ids)) for ids in hiding.chunks(image_ids))


def delete_dataset(dataset: Dataset) -> None:
    """Put a dataset into the bin, or have it removed for good where TRASH_DAYS is 0; its jobs are stopped.

    Raises: NotFoundError for one that was deleted already.
    """
    if settings.TRASH_DAYS == 0:
        dataset_removal.begin_removal(dataset)
        return
    for job in Job.objects.filter(pk__in=_hide_dataset(dataset)):
        jobs.call_hooks(job)


def restore_images(image_ids: Iterable[int]) -> list[Image]:
    """Bring images back from the bin as they were; returns those that lay there.

    One whose dataset lies there too comes back with that. One whose external id another image of the dataset
    has got meanwhile comes back without it.
    """
    return [image for ids in hiding.chunks(image_ids) for image in repeated(partial(_restore_chunk, ids))]


def restore_dataset(pk: int) -> Dataset:
    """Bring a dataset back from the bin, under another slug where its own is taken by now.

    Raises: NotFoundError.
    """
    with transaction.atomic():
        locked(Dataset.everything.in_bin().filter(pk=pk))
        found = _binned(pk)
        wanted = found.deleted_slug
        found.slug, found.deleted_slug, found.deleted_at = _free_slug(wanted), "", None
        found.save(update_fields=["slug", "deleted_slug", "deleted_at"])
        audit.record("dataset.restore", found, slug_before=wanted)
        signals.images_shown.send(Image, dataset_id=found.pk, image_ids=[])
    return found


def purge_images(image_ids: Iterable[int]) -> int:
    """Remove images that lie in the bin, or whose file is missing, for good; returns how many there were.

    Raises: StorageAwayError, while their files cannot go.
    """
    storage_mark.require()
    return removal.remove_images(image_ids, action="image.purge", hidden_only=True)


def purge_dataset(pk: int) -> None:
    """Have a dataset that lies in the bin removed for good. Raises: NotFoundError."""
    dataset_removal.purge(_binned(pk))


def empty(*, everything: bool = False) -> tuple[int, int]:
    """Remove for good what has lain in the bin for TRASH_DAYS, or `everything` in it.

    Returns how many datasets and images, those of datasets not counted. Raises: StorageAwayError.
    """
    before = timezone.now() - timedelta(days=0 if everything else settings.TRASH_DAYS)
    done = 0
    for dataset in Dataset.everything.in_bin().filter(deleted_at__lte=before).order_by("deleted_at"):
        with suppress(NotFoundError):  # somebody else was first
            dataset_removal.purge(dataset)
            done += 1
    due = Image.everything.filter(
        Q(deleted_at__lte=before) | Q(sha256__startswith=DOOMED),
        deleted_at__isnull=False,
        dataset__closed_at=None,
    )
    ids = list(due.order_by("pk").values_list("pk", flat=True))
    return done, purge_images(ids) if ids else 0


def _delete_chunk(ids: list[int]) -> int:
    gone = hiding.hide(ids, "deleted_at", timezone.now())
    removal.record("image.delete", gone)
    return len(gone)


def _restore_chunk(ids: list[int]) -> list[Image]:
    image_changes.give_way(ids)
    found = hiding.show(ids, "deleted_at")
    removal.record("image.restore", found)
    return found


@transaction.atomic
def _hide_dataset(dataset: Dataset) -> list[int]:
    """Put the row of a dataset into the bin; returns the jobs that were ended with that."""
    # whoever is adding to it ends first, and whoever comes later finds it closed
    if not locked(Dataset.objects.filter(pk=dataset.pk)):
        raise NotFoundError(f"The dataset {dataset.name} has been deleted already.")
    dataset.refresh_from_db(fields=["slug"])
    images = Category.objects.filter(dataset=dataset.pk).aggregate(n=Sum("images"))["n"] or 0
    audit.record("dataset.delete", dataset, images=images)
    dataset.deleted_at, dataset.deleted_slug = timezone.now(), dataset.slug
    dataset.slug = datasets.hidden_slug(dataset)
    dataset.save(update_fields=["slug", "deleted_slug", "deleted_at"])
    active = list(Job.objects.filter(dataset=dataset, state__in=Job.ACTIVE).values_list("pk", flat=True))
    jobs.end_with_dataset(dataset.pk)
    return active


def _binned(pk: int) -> Dataset:
    found = Dataset.everything.in_bin().filter(pk=pk).first()
    if found is None:
        raise NotFoundError(f"There is no dataset {pk} in the bin; it may be back, or gone for good.")
    return found


def _free_slug(wanted: str) -> str:
    """Return the slug that is wanted, or that with the first number that makes it free."""
    if not Dataset.everything.filter(slug=wanted).exists():
        return wanted
    numbered = (f"{wanted[: LONGEST_SLUG - len(end)]}{end}" for end in (f"-{n}" for n in count(2)))
    return next(slug for slug in numbered if not Dataset.everything.filter(slug=slug).exists())
