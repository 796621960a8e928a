"""What lies in the bin, the latest first, and how much room it takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q, QuerySet, Sum

from gallery.browse.dataset_summaries import with_image_count
from gallery.browse.paging import Page, page_of
from gallery.models import DOOMED, Dataset, Image

# see `image_path` and `atlas_path` of `gallery.models`
STORED = re.compile(r"(images|thumbnails)/(?P<dataset>[0-9]{1,18})/[0-9a-f]{2}/(?P<sha256>[0-9a-f]{64})[^/]*")
SHEET = re.compile(r"atlases/(?P<dataset>[0-9]{1,18})/.+")


@dataclass(frozen=True)
class BinSize:
    """How many datasets and images wait to be removed, images of those datasets too, and their bytes."""

    datasets: int
    images: int
    bytes: int


def binned_images() -> QuerySet[Image]:
    """Return the images that were deleted one by one; those of a dataset in the bin come back with that."""
    binned = Image.everything.filter(deleted_at__isnull=False, dataset__deleted_at=None)
    return binned.exclude(sha256__startswith=DOOMED).select_related("dataset")


def binned_datasets() -> QuerySet[Dataset]:
    """Return the datasets in the bin, with their counts of images."""
    return with_image_count(Dataset.everything.in_bin())


def missing_images() -> QuerySet[Image]:
    """Return the images that are hidden because their file is missing, unless they lie in the bin."""
    missing = Image.everything.filter(missing_since__isnull=False, deleted_at=None, dataset__deleted_at=None)
    return missing.select_related("dataset")


def page(rows: QuerySet[Image], query: Mapping[str, object], size: int) -> Page[Image]:
    """Return a page of hidden images, those with the greatest numbers first."""
    return page_of(rows, query, size, newest_first=True)


def size() -> BinSize:
    """Return how much lies in the bin: what emptying it would free."""
    waiting = Image.everything.filter(Q(deleted_at__isnull=False) | Q(dataset__deleted_at__isnull=False))
    found = waiting.aggregate(images=Count("pk"), bytes=Sum("size_bytes"))
    return BinSize(binned_datasets().count(), found["images"], found["bytes"] or 0)


def is_hidden(file: str) -> bool:
    """Whether a stored file shows only images that are hidden, or removed; False where none is known."""
    if place := STORED.fullmatch(file):
        shown = Image.objects.filter(dataset=int(place["dataset"]), sha256=place["sha256"])
        return not shown.exists()
    if place := SHEET.fullmatch(file):
        return Dataset.everything.filter(pk=int(place["dataset"]), deleted_at__isnull=False).exists()
    made_of = Image.everything.filter(derived_files__key=file.rpartition("/")[0])
    return made_of.exists() and not Image.objects.filter(pk__in=made_of.values("pk")).exists()


def expires_at(deleted_at: datetime) -> datetime:
    """Return when something that was deleted then is removed for good."""
    return deleted_at + timedelta(days=settings.TRASH_DAYS)
