"""Keeps the counts that pages show, by triggers of the database itself: no way of writing passes them by.

`Category` rows and `Dataset.revision` follow the images and `Job.failed` the failed files, in the
transaction that changes those."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Count, F, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from gallery.counts.sql import INSTALL, NAMES
from gallery.counts.triggers import Triggers
from gallery.models import SHOWN_IMAGE, Category, Dataset, FailedFile, Image, Job

WRITE_ROWS = 2000

# dataset and name of a category -> images
Counts = dict[tuple[int, str], int]


def recount(using: str | None = None) -> None:
    """Count everything anew; a dataset whose counts were others gets another revision."""
    with transaction.atomic(using=using):
        before, now = stored_counts(using), computed_counts(using)
        Category.objects.using(using).all().delete()
        Category.objects.using(using).bulk_create(
            [
                Category(dataset_id=dataset, name=name, images=images)
                for (dataset, name), images in now.items()
            ],
            batch_size=WRITE_ROWS,
        )
        changed = {dataset for (dataset, _), _ in before.items() ^ now.items()}
        Dataset.everything.using(using).filter(pk__in=changed).update(revision=F("revision") + 1)
        failed = (
            FailedFile.objects.filter(job=OuterRef("pk"))
            .exclude(code="duplicate")
            .order_by()
            .values("job")
            .annotate(n=Count("pk"))
        )
        Job.objects.using(using).update(failed=Coalesce(Subquery(failed.values("n")), Value(0)))


def computed_counts(using: str | None = None) -> Counts:
    """Return what the rows of categories should say, by looking at every image that is not hidden itself."""
    shown = Image.everything.using(using).filter(SHOWN_IMAGE)
    rows = shown.order_by("dataset", "category").values_list("dataset", "category")
    return {(dataset, name): images for dataset, name, images in rows.annotate(images=Count("id"))}


def stored_counts(using: str | None = None) -> Counts:
    """Return what the rows of categories say."""
    rows = Category.objects.using(using).values_list("dataset", "name", "images")
    return {(dataset, name): images for dataset, name, images in rows}


TRIGGERS = Triggers(
    NAMES,
    INSTALL,
    {
        Category._meta.db_table: "images",
        Image._meta.db_table: "deleted_at",
        Dataset._meta.db_table: "revision",
        FailedFile._meta.db_table: "job_id",
        Job._meta.db_table: "failed",
    },
    recount,
)
