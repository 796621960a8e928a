"""What the first frame of a section shows, before its script has asked the API."""

from __future__ import annotations

from dataclasses import dataclass

from gallery.browse.dataset_summaries import DatasetCard, dataset_cards
from gallery.models import Dataset
from search.features.answers import ModelAnswer, model_answers
from search.models import Experiment

MOST_DATASETS = 48  # of the strip; the page of datasets leads to all


@dataclass(frozen=True)
class ExploreFrame:
    """Some datasets and whether there are more, the one that is shown first, and the networks."""

    cards: list[DatasetCard]
    more: bool
    shown: DatasetCard | None
    networks: list[ModelAnswer]


def explore_frame(slug: str) -> ExploreFrame:
    """Return the frame for the dataset of an address.

    Where the address names none that exists, the first one that has experiments is shown, else the
    first one that has pictures.
    """
    datasets = list(Dataset.objects.order_by("name", "id")[: MOST_DATASETS + 1])
    more = len(datasets) > MOST_DATASETS
    datasets = datasets[:MOST_DATASETS]
    if more and all(dataset.slug != slug for dataset in datasets):
        datasets = [*Dataset.objects.filter(slug=slug), *datasets]
    cards = dataset_cards(datasets)
    computed = set(Experiment.objects.order_by().values_list("dataset", flat=True).distinct())
    by_interest = sorted(
        cards, key=lambda card: (card.dataset.slug != slug, card.dataset.pk not in computed, not card.images)
    )
    return ExploreFrame(cards, more, by_interest[0] if by_interest else None, model_answers())
