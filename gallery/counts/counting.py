"""Keeps the counts that pages show, by triggers of the database itself: no way of writing passes them by.

`Category` rows follow the images and `Job.failed` the failed files, in the transaction that changes those."""

from __future__ import annotations

from collections import defaultdict

from django.db import transaction
from django.db.models import Count, F, Max, OuterRef, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from gallery.counts.sql import INSTALL, NAMES, SQUARED_BELOW, WRAPPED_AT
from gallery.counts.triggers import Triggers
from gallery.models import Category, FailedFile, Image, Job

COUNTED_IDS = 5_000_000  # at a time: the squares of more would pass the database's largest integer
WRITE_ROWS = 2000

# dataset and name of a category -> images, sum of ids, sum of squares
Counts = dict[tuple[int, str], tuple[int, int, int]]


def recount(using: str | None = None) -> None:
    """Count everything anew."""
    with transaction.atomic(using=using):
        Category.objects.using(using).all().delete()
        Category.objects.using(using).bulk_create(
            [
                Category(dataset_id=dataset, name=name, images=images, id_sum=ids, id_square_sum=squares)
                for (dataset, name), (images, ids, squares) in sorted(counted(using).items())
            ],
            batch_size=WRITE_ROWS,
        )
        failed = (
            FailedFile.objects.filter(job=OuterRef("pk")).order_by().values("job").annotate(n=Count("pk"))
        )
        Job.objects.using(using).update(failed=Coalesce(Subquery(failed.values("n")), Value(0)))


def counted(using: str | None = None) -> Counts:
    """Return what the rows of categories should say, by looking at every image."""
    images = Image.objects.using(using).order_by("dataset", "category").values("dataset", "category")
    short = F("id") % SQUARED_BELOW
    last = Image.objects.using(using).aggregate(last=Max("id"))["last"] or 0
    found: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for start in range(0, last + 1, COUNTED_IDS):
        part = images.filter(id__gte=start, id__lt=start + COUNTED_IDS)
        for row in part.annotate(images=Count("id"), ids=Sum("id"), squares=Sum(short * short)):
            sums = found[row["dataset"], row["category"]]
            sums[0] += row["images"]
            sums[1] += int(row["ids"])
            sums[2] = (sums[2] + int(row["squares"])) % WRAPPED_AT
    return {key: (images, ids, squares) for key, (images, ids, squares) in found.items()}


def kept(using: str | None = None) -> Counts:
    """Return what the rows of categories say."""
    rows = Category.objects.using(using).values_list("dataset", "name", "images", "id_sum", "id_square_sum")
    return {(dataset, name): (images, ids, squares) for dataset, name, images, ids, squares in rows}


TRIGGERS = Triggers(
    NAMES,
    INSTALL,
    {
        Category._meta.db_table: "images",
        Image._meta.db_table: "category",
        FailedFile._meta.db_table: "job_id",
        Job._meta.db_table: "failed",
    },
    recount,
)
