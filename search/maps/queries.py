"""Reads which maps there are: their rows as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from gallery.errors import NotFoundError
from search.experiments.queries import Configuration, of_configuration, rounded_or_none
from search.extractors.networks import registry
from search.maps.answers import ProjectionAnswer
from search.models import Projection

DIGITS = 6
TUNED = "tuned"


@dataclass(frozen=True)
class ProjectionFilter(Configuration):
    """Which maps are listed; empty means all."""

    method: str = ""
    digest: str = ""


def matching(wanted: ProjectionFilter) -> QuerySet[Projection]:
    """Return the maps asked for. Raises: NotFoundError for an unknown dataset."""
    found = of_configuration(Projection.shown.select_related("dataset", "spec"), wanted)
    for name in ("method", "digest"):
        if value := getattr(wanted, name):
            found = found.filter(**{name: value})
    return found


def projection(projection_id: int) -> Projection:
    """Return a map with its dataset and spec. Raises: NotFoundError."""
    found = Projection.shown.select_related("dataset", "spec").filter(pk=projection_id).first()
    if found is None:
        raise NotFoundError(f"There is no map {projection_id}; it may have been deleted.")
    return found


def map_answers(rows: Sequence[Projection]) -> list[ProjectionAnswer]:
    """Return maps, read with their datasets and specs, as plain values."""
    return [_answer(row) for row in rows]


def _answer(row: Projection) -> ProjectionAnswer:
    return {
        "id": row.pk,
        "dataset": row.dataset.slug,
        "model": row.spec.model,
        "layer": row.spec.layer,
        "layer_position": registry.layer_position(row.spec.model, row.spec.layer),
        # no layer of a network: a family of its own
        "pooling": TUNED if row.spec.tuning else row.spec.pooling,
        "method": row.method,
        "parameters": row.parameters,
        "digest": row.digest,
        "count": row.count,
        "fitted": row.fitted,
        "trustworthiness": round(row.trustworthiness, DIGITS),
        "neighbour_agreement": round(row.neighbour_agreement, DIGITS),
        "separation": rounded_or_none(row.separation, DIGITS),
        "weighted_separation": rounded_or_none(row.weighted_separation, DIGITS),
        "seconds": round(row.seconds, 3),
        "stale": row.images_revision != row.dataset.revision,
        "computed_at": row.computed_at,
    }
