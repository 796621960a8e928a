"""Datasets that can be searched, and random pictures of them to start a search from."""

from __future__ import annotations

import random

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from gallery.models import Dataset, Image
from search.models import SearchIndex


def searchable_datasets() -> QuerySet[Dataset]:
    """Return all datasets by name, each with `searchable` and the ids of its first and last picture."""
    images = Image.objects.filter(dataset=OuterRef("pk")).values("id")
    return Dataset.objects.annotate(
        searchable=Exists(SearchIndex.objects.filter(dataset=OuterRef("pk"), live=True)),
        first_image=Subquery(images.order_by("id")[:1]),
        last_image=Subquery(images.order_by("-id")[:1]),
    ).order_by("name", "id")


def sample_images(datasets: list[Dataset], count: int) -> list[Image]:
    """Return up to `count` random pictures of the searchable ones among `searchable_datasets()`, mixed.

    Ids are drawn between a dataset's first and last, more than needed since some are gone: that
    takes the same time for a million pictures as for a hundred.
    """
    sources = [dataset for dataset in datasets if dataset.searchable and dataset.first_image]
    random.shuffle(sources)
    sources = sources[:count]
    if not sources:
        return []
    share = -(-count // len(sources))
    wanted = Q()
    for source in sources:
        span = range(source.first_image, source.last_image + 1)
        drawn = random.sample(span, min(len(span), 6 * share))
        wanted |= Q(dataset=source.pk, pk__in=[*drawn, source.first_image])
    found = list(Image.objects.filter(wanted).select_related("dataset"))
    random.shuffle(found)
    taken: dict[int, int] = {}
    chosen = []
    for image in found:
        taken[image.dataset_id] = taken.get(image.dataset_id, 0) + 1
        if taken[image.dataset_id] <= share:
            chosen.append(image)
    return chosen[:count]
