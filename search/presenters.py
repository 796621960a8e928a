"""What the first frame of a section shows, before its script has asked the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gallery.models import Dataset
from gallery.overview import DatasetCard, dataset_cards
from search.models import Experiment
from search.services.features import described_networks


@dataclass(frozen=True)
class ExploreFrame:
    """The datasets, the one that is shown first, and the networks."""

    cards: list[DatasetCard]
    shown: DatasetCard | None
    networks: list[dict[str, Any]]


def explore_frame(slug: str) -> ExploreFrame:
    """Return the frame for the dataset of an address.

    Where the address names none that exists, the first one that has experiments is shown, else the
    first one that has pictures.
    """
    cards = dataset_cards(list(Dataset.objects.order_by("name", "id")))
    computed = set(Experiment.objects.order_by().values_list("dataset", flat=True).distinct())
    by_interest = sorted(
        cards, key=lambda card: (card.dataset.slug != slug, card.dataset.pk not in computed, not card.images)
    )
    return ExploreFrame(cards, by_interest[0] if by_interest else None, described_networks())
