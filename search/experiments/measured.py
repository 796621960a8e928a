"""What one experiment came to, and how it is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from django.db import transaction

from gallery.models import Dataset, Image
from gallery.system.concurrency.held_rows import held
from gallery.system.open_datasets import hold_open
from search.experiments.scoring import Neighbours
from search.models import Experiment, ExperimentQuery, FeatureSpec
from search.types import Ids

NEIGHBOURS_KEPT = 50
SCORED_FIRST = 10
WRITE_ROWS = 2000


@dataclass(frozen=True)
class State:
    """A dataset, and its revision when a job began."""

    dataset: Dataset
    revision: int


@dataclass(frozen=True)
class Measured:
    """What one experiment came to: the neighbours of the images `ids` (n,), and what a vector costs."""

    spec: FeatureSpec
    metric: str
    ids: Ids
    neighbours: Neighbours
    cost_ms: float | None


def store(state: State, measured: Measured) -> None:
    """Put an experiment in the place of its predecessor, whole or not at all, without what is gone."""
    with transaction.atomic():
        there = held(Image.objects.filter(dataset=state.dataset))
        hold_open(state.dataset)
        experiment, _ = Experiment.objects.update_or_create(
            dataset=state.dataset,
            spec=measured.spec,
            metric=measured.metric,
            defaults=_columns(measured) | {"images_revision": state.revision},
        )
        experiment.queries.all().delete()
        rows = (row for row in _queries(experiment, measured) if row.image_id in there)
        while chunk := list(islice(rows, WRITE_ROWS)):
            ExperimentQuery.objects.bulk_create(chunk)


def _columns(measured: Measured) -> dict[str, object]:
    """Return the columns of an experiment that say what it came to."""
    scores = measured.neighbours.scores
    return {
        "images": len(measured.ids),
        "k": SCORED_FIRST,
        "extract_ms": measured.cost_ms,
        "categories": scores.categories if scores else [],
        "confusion": scores.confusion if scores else [],
        "weighted_precision": float(scores.weighted_precision.mean()) if scores else None,
        "precision": float(scores.precision.mean()) if scores else None,
        "average_precision": float(scores.average_precision.mean()) if scores else None,
    }


def _queries(experiment: Experiment, measured: Measured) -> Iterator[ExperimentQuery]:
    scores = measured.neighbours.scores
    rows = {int(place): row for row, place in enumerate(scores.queries)} if scores else {}
    neighbours = measured.ids[measured.neighbours.places].astype("<i8")
    similarities = measured.neighbours.similarities.astype("<f4")
    for place, pk in enumerate(measured.ids):
        query = ExperimentQuery(
            experiment=experiment,
            image_id=int(pk),
            neighbours=neighbours[place].tobytes(),
            scores=similarities[place].tobytes(),
        )
        row = rows.get(place)
        if scores is not None and row is not None:
            query.weighted_precision = float(scores.weighted_precision[row])
            query.precision = float(scores.precision[row])
            query.average_precision = float(scores.average_precision[row])
        yield query
