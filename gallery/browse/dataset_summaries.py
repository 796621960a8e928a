"""What the pages say about many datasets at once, in a fixed number of database queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from django.db.models import Case, Exists, OuterRef, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

from gallery.models import Category, Dataset, DatasetQuerySet, Image, Job

COVERS = 5

Row = TypeVar("Row")


@dataclass
class DatasetCard:
    """A dataset with its counts, some of its pictures and its latest job."""

    dataset: Dataset
    images: int = 0
    categories: int = 0
    covers: list[Image] = field(default_factory=list)
    last_job: Job | None = None


def dataset_cards(datasets: Sequence[Dataset]) -> list[DatasetCard]:
    """Return one card a dataset, in the same order; the covers are spread over its categories."""
    cards = {dataset.pk: DatasetCard(dataset) for dataset in datasets}
    categories: dict[int, list[int]] = defaultdict(list)
    rows = Category.objects.filter(dataset__in=cards).order_by("dataset", "name")
    for pk, dataset_id, name, images in rows.values_list("pk", "dataset", "name", "images"):
        card = cards[dataset_id]
        card.images += images
        card.categories += bool(name)
        categories[dataset_id].append(pk)
    covers = _covers([pk for pks in categories.values() for pk in _spread(pks, COVERS)])
    for dataset_id, images_of in covers.items():
        cards[dataset_id].covers = _spread(images_of, COVERS)
    for job in Job.objects.filter(pk__in=_last_jobs(cards)):
        if job.dataset_id is not None:
            cards[job.dataset_id].last_job = job
    return list(cards.values())


def with_image_count(datasets: QuerySet[Dataset]) -> QuerySet[Dataset]:
    """Add to each dataset, as `image_count`, how many images it has, without counting them."""
    own = Category.objects.filter(dataset=OuterRef("pk")).order_by().values("dataset")
    return datasets.annotate(
        image_count=Coalesce(Subquery(own.annotate(total=Sum("images")).values("total")), Value(0))
    )


def annotate_id_range(datasets: DatasetQuerySet) -> DatasetQuerySet:
    """Add to each dataset, as `first_image` and `last_image`, the ids of its oldest and its newest picture.

    The orders begin with the dataset, so that PostgreSQL enters the index of both: with the id alone it walks
    over the pictures of all datasets, taking every dataset for as large as the average.
    """
    some = Exists(Category.objects.filter(dataset=OuterRef("pk")))
    first = Image.objects.filter(dataset__gte=OuterRef("pk")).order_by("dataset_id", "pk")
    last = Image.objects.filter(dataset__lte=OuterRef("pk")).order_by("-dataset_id", "-pk")
    return datasets.annotate(
        first_image=Case(When(some, then=Subquery(first.values("pk")[:1]))),
        last_image=Case(When(some, then=Subquery(last.values("pk")[:1]))),
    )


def _covers(categories: list[int]) -> dict[int, list[Image]]:
    """Return the first and the last image of each of these categories, by dataset, oldest first."""
    images = Image.objects.filter(dataset=OuterRef("dataset")).values("pk")
    chosen = Category.objects.filter(pk__in=categories).order_by()
    # a category that is stored has images: the first from it on is its own; orders as in `annotate_id_range`
    first_of = images.filter(category__gte=OuterRef("name")).order_by("category", "pk")
    last_of = images.filter(category__lte=OuterRef("name")).order_by("-category", "-pk")
    # asked for apart: as a subquery PostgreSQL would compare every image with them
    edges = chosen.values_list(Subquery(first_of[:1]), Subquery(last_of[:1]))
    ids = {pk for pair in edges for pk in pair}
    found: dict[int, list[Image]] = defaultdict(list)
    rows = Image.objects.filter(pk__in=ids)
    for image in rows.only("id", "dataset", "thumbnail").order_by("pk"):
        found[image.dataset_id].append(image)
    return found


def _last_jobs(datasets: dict[int, DatasetCard]) -> QuerySet[Dataset, int]:
    """Return the ids of the latest job of each dataset, one look into the index each."""
    jobs = Job.objects.filter(dataset=OuterRef("pk")).order_by("-pk").values("pk")
    last = Dataset.objects.filter(pk__in=datasets).order_by().annotate(last_job=Subquery(jobs[:1]))
    return last.filter(last_job__isnull=False).values_list("last_job", flat=True)


def _spread(rows: list[Row], count: int) -> list[Row]:
    """Return at most `count` of the rows, evenly spaced."""
    if len(rows) <= count:
        return rows
    return [rows[position * len(rows) // count] for position in range(count)]
