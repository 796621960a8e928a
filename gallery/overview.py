"""What the pages say about many datasets or jobs at once, each in a fixed number of database queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Count, IntegerField, Max, Min, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from gallery.models import Dataset, FailedFile, Image, Job

COVERS = 5


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
    candidates: dict[int, list[int]] = defaultdict(list)
    groups = (
        Image.objects.filter(dataset__in=cards).order_by("dataset", "category").values("dataset", "category")
    )
    for group in groups.annotate(images=Count("id"), first=Min("id"), last=Max("id")):
        card = cards[group["dataset"]]
        card.images += group["images"]
        card.categories += bool(group["category"])
        candidates[group["dataset"]] += sorted({group["first"], group["last"]})
    chosen = {key: _spread(ids, COVERS) for key, ids in candidates.items()}
    images = Image.objects.only("id", "dataset", "thumbnail").in_bulk(
        [pk for ids in chosen.values() for pk in ids]
    )
    for key, ids in chosen.items():
        cards[key].covers = [images[pk] for pk in ids if pk in images]
    latest = Job.objects.filter(dataset__in=cards).order_by().values("dataset").annotate(last=Max("id"))
    for job in Job.objects.filter(pk__in=latest.values("last")):
        if job.dataset_id is not None:
            cards[job.dataset_id].last_job = job
    return list(cards.values())


def _spread(ids: list[int], count: int) -> list[int]:
    """Return at most `count` of the ids, evenly spaced."""
    if len(ids) <= count:
        return ids
    return [ids[position * len(ids) // count] for position in range(count)]


def with_failed_count(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Add to each job, as `failed`, how many files it could not use."""
    counted = FailedFile.objects.filter(job=OuterRef("pk")).order_by().values("job").annotate(n=Count("id"))
    return jobs.annotate(
        failed=Coalesce(Subquery(counted.values("n")), Value(0), output_field=IntegerField())
    )
