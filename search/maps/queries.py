"""Reads which maps there are: their rows as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from gallery.errors import NotFoundError
from search.experiments.queries import Configuration, of_configuration
from search.extractors.networks import registry
from search.models import Projection

DIGITS = 6


@dataclass(frozen=True)
class ProjectionFilter(Configuration):
    """Which maps are listed; empty means all."""

    method: str = ""
    digest: str = ""


def matching(wanted: ProjectionFilter) -> QuerySet[Projection]:
    """Return the maps asked for. Raises: NotFoundError for an unknown dataset."""
    found = of_configuration(Projection.objects.select_related("dataset", "spec"), wanted)
    for name in ("method", "digest"):
        if value := getattr(wanted, name):
            found = found.filter(**{name: value})
    return found


def described(rows: Sequence[Projection]) -> list[dict[str, Any]]:
    """Return maps, read with their datasets and specs, as plain values."""
    return [_described(row) for row in rows]


def _described(row: Projection) -> dict[str, Any]:
    return {
        "id": row.pk,
        "dataset": row.dataset.slug,
        "model": row.spec.model,
        "layer": row.spec.layer,
        "layer_position": _position(row.spec.model, row.spec.layer),
        "pooling": row.spec.pooling,
        "method": row.method,
        "parameters": row.parameters,
        "digest": row.digest,
        "count": row.count,
        "fitted": row.fitted,
        "trustworthiness": round(row.trustworthiness, DIGITS),
        "neighbour_agreement": round(row.neighbour_agreement, DIGITS),
        "separation": _rounded(row.separation),
        "weighted_separation": _rounded(row.weighted_separation),
        "seconds": round(row.seconds, 3),
        "stale": row.images_revision != row.dataset.revision,
        "computed_at": row.computed_at,
    }


def _position(model: str, layer: str) -> int | None:
    """Return the place of a layer among its network's, counted from 1; None when that is no longer known."""
    try:
        taps = registry.architecture(model).taps
    except NotFoundError:
        return None
    return taps.index(layer) + 1 if layer in taps else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
