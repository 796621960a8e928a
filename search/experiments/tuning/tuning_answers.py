"""What is known of the tuning of a dataset, as plain values."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypedDict

from django.db.models import Sum

from gallery.models import Category, Dataset
from search.experiments.tuning import tuning_jobs
from search.features import tunings
from search.indexing.labelled_vectors import LEAST_LABELS
from search.models import SearchIndex
from search.tuned.figures import Figures
from search.types import FeatureConfigValues


class LearnedAnswer(Figures):
    """What was measured last, and learned from which labels."""

    config: FeatureConfigValues
    categories: list[str]
    labels: int
    learned_at: datetime
    stale: Annotated[bool, "Images were added, removed or relabelled since."]


class TuningAnswer(TypedDict):
    """Whether a dataset is searched tuned to its categories, and what that gains."""

    dataset: str
    live: Annotated[bool, "Searches are answered with tuned vectors."]
    least_labels: Annotated[int, "Of a category, to be learned."]
    unlabelled: Annotated[int, "Images without a label: those of other categories are found worse."]
    learned: Annotated[LearnedAnswer | None, "Null where nothing was measured yet."]
    index: Annotated[int | None, "The index of tuned vectors; `/indexes/{id}/promote/` switches to it."]
    plain_index: Annotated[int | None, "The index to go back to while `live`."]


def tuning_answer(dataset: Dataset) -> TuningAnswer:
    """Return what is known of the tuning of a dataset."""
    live = SearchIndex.objects.select_related("spec").filter(dataset=dataset, live=True).first()
    is_tuned = live is not None and bool(live.spec.tuning)
    made = SearchIndex.objects.filter(dataset=dataset).exclude(spec__tuning="").order_by("-pk").first()
    plain = None
    if live is not None and is_tuned:
        plain = SearchIndex.objects.filter(dataset=dataset, spec=tunings.plain_spec(live.spec)).first()
    return {
        "dataset": dataset.slug,
        "live": is_tuned,
        "least_labels": LEAST_LABELS,
        "unlabelled": _unlabelled(dataset),
        "learned": _learned(dataset),
        "index": made.pk if made else None,
        "plain_index": plain.pk if plain else None,
    }


def _unlabelled(dataset: Dataset) -> int:
    rows = Category.objects.filter(dataset=dataset, name="")
    return int(rows.aggregate(images=Sum("images"))["images"] or 0)


def _learned(dataset: Dataset) -> LearnedAnswer | None:
    row = tuning_jobs.latest(dataset)
    if row is None:
        return None
    figures: Figures = row.figures
    return {
        **figures,
        "config": (row.spec or row.base).config.as_values(),
        "categories": row.categories,
        "labels": row.labels,
        "learned_at": row.learned_at,
        "stale": row.images_revision != dataset.current_revision(),
    }
