"""Tells how the scores of all images are distributed with each layer of a network, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from django.db.models import Count

from search.experiments.answers import ScoreDistribution, ScoreDistributionsAnswer
from search.experiments.queries import ExperimentFilter, matching, percent
from search.extractors.networks import registry
from search.models import Experiment, ExperimentQuery


def score_distributions(wanted: ExperimentFilter) -> ScoreDistributionsAnswer:
    """Return the distribution of each experiment of a network, from the first layer to the last.

    Raises: NotFoundError for an unknown dataset.
    """
    rows = sorted(matching(wanted), key=lambda row: (_depth(row), row.pk))
    counted = _counted([row.pk for row in rows])
    return {
        "dataset": wanted.dataset,
        "model": wanted.model,
        "pooling": wanted.pooling,
        "metric": wanted.metric,
        "layers": [_distribution(row, counted.get(row.pk, {})) for row in rows],
    }


def _depth(row: Experiment) -> int:
    return registry.layer_position(row.spec.model, row.spec.layer) or 0


def _counted(experiment_ids: list[int]) -> dict[int, Counter[float]]:
    """Return how many images have each score, by experiment.

    The database counts: there are as many rows as images, but of ten neighbours only 56 different scores.
    """
    rows = ExperimentQuery.objects.filter(experiment__in=experiment_ids, weighted_precision__isnull=False)
    counts = rows.order_by().values_list("experiment", "weighted_precision").annotate(images=Count("pk"))
    found: dict[int, Counter[float]] = {}
    for experiment_id, score, images in counts:
        # rounded: sums of the same weights in another order differ in their last digit
        found.setdefault(experiment_id, Counter())[round(score, 6)] += images
    return found


def _distribution(row: Experiment, counted: Mapping[float, int]) -> ScoreDistribution:
    scores = sorted(counted.items())
    values = np.array([score for score, _ in scores], dtype=np.float64)
    counts = np.array([images for _, images in scores], dtype=np.int64)
    total = int(counts.sum())
    return {
        "experiment": row.pk,
        "layer": row.spec.layer,
        "images": total,
        "mean": percent(float(values @ counts) / total if total else None),
        # as fine as the score of a single image, beside which it stands
        "median": round(100 * float(np.median(np.repeat(values, counts))), 4) if total else None,
        "scores": scores,
    }
