"""Datasets that can be searched, and random pictures of them to start a search from."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q

from gallery.browse.dataset_summaries import annotate_id_range
from gallery.models import Dataset, Image
from search.models import SearchIndex


@dataclass(frozen=True)
class Source:
    """A dataset, whether it has a live index, and the ids of its first and last picture."""

    dataset: Dataset
    searchable: bool
    first_image: int | None
    last_image: int | None


def all_sources() -> list[Source]:
    """Return every dataset by name, in two database queries."""
    rows = annotate_id_range(Dataset.objects.all().order_by("name", "id")).annotate(
        searchable=Exists(SearchIndex.objects.filter(dataset=OuterRef("pk"), live=True))
    )
    ends = {
        pk: (searchable, first, last)
        for pk, searchable, first, last in rows.values_list("pk", "searchable", "first_image", "last_image")
    }
    datasets = Dataset.objects.in_bulk(ends)
    return [Source(datasets[pk], *end) for pk, end in ends.items() if pk in datasets]


def sample_images(sources: list[Source], count: int) -> list[Image]:
    """Return up to `count` random pictures of the searchable datasets, mixed.

    Ids are drawn between a dataset's first and last, more than needed since some are gone: that
    takes the same time for a million pictures as for a hundred.
    """
    drawn_from = [source for source in sources if source.searchable and source.first_image is not None]
    random.shuffle(drawn_from)
    drawn_from = drawn_from[:count]
    if not drawn_from:
        return []
    share = -(-count // len(drawn_from))
    wanted = Q()
    for source in drawn_from:
        first, last = source.first_image or 0, source.last_image or 0
        drawn = random.sample(range(first, last + 1), min(last + 1 - first, 6 * share))
        wanted |= Q(dataset=source.dataset, pk__in=[*drawn, first])
    found = list(Image.objects.filter(wanted).select_related("dataset"))
    random.shuffle(found)
    taken: Counter[int] = Counter()
    chosen = []
    for image in found:
        taken[image.dataset_id] += 1
        if taken[image.dataset_id] <= share:
            chosen.append(image)
    random.shuffle(chosen)
    return chosen[:count]
