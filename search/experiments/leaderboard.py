"""Orders the experiments of a dataset by score, and tells which are worth their cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import QuerySet

from gallery.errors import NotFoundError
from gallery.models import Dataset
from search.experiments.answers import LeaderboardAnswer, LeaderboardRowAnswer, Score
from search.experiments.queries import BYTES_PER_VALUE, milliseconds, percent
from search.extractors.networks import registry
from search.models import Experiment, SearchIndex

COLUMNS = tuple(LeaderboardRowAnswer.__annotations__)


@dataclass(frozen=True)
class LeaderboardRequest:
    """Which experiments of a dataset are compared, and by which score; empty means all."""

    dataset: str
    metric: str = ""
    pooling: str = ""
    score: Score = "weighted_precision"


def leaderboard(request: LeaderboardRequest) -> LeaderboardAnswer:
    """Return the experiments of a dataset as plain values, best first.

    Ranks and the Pareto front are made of the figures as they are shown, so that they can be checked; equal
    scores share a rank. Without scores (an unlabelled dataset) there is no rank and no front.
    Raises: NotFoundError for an unknown dataset.
    """
    dataset = Dataset.objects.called(request.dataset)
    experiments = Experiment.objects.filter(dataset=dataset).select_related("spec").order_by("pk")
    if request.metric:
        experiments = experiments.filter(metric=request.metric)
    if request.pooling:
        experiments = experiments.filter(spec__pooling=request.pooling)
    rows = _rows(dataset, experiments.defer("categories", "confusion"))
    rows.sort(key=lambda row: _place(row, request.score))
    _rank(rows, request.score)
    for row, on_front in zip(
        rows, pareto([(row[request.score], row["extract_ms"]) for row in rows]), strict=True
    ):
        row["pareto"] = on_front
    return {
        "dataset": dataset.slug,
        "metric": request.metric or None,
        "pooling": request.pooling or None,
        "score": request.score,
        "rows": rows,
    }


def pareto(figures: Sequence[tuple[float | None, float | None]]) -> list[bool]:
    """Return which pairs of score and cost no other pair beats: as good for less, or better for no more.

    What lacks either figure is not compared.
    """
    complete = [
        (cost, -score, place)
        for place, (score, cost) in enumerate(figures)
        if score is not None and cost is not None
    ]
    front = [False] * len(figures)
    best = -math.inf
    for _, group in groupby(sorted(complete), key=lambda figure: figure[0]):
        equally_dear = list(group)
        top = -equally_dear[0][1]
        if top > best:
            best = top
            for _, negated, place in equally_dear:
                front[place] = -negated == top
    return front


def _rows(dataset: Dataset, experiments: QuerySet[Experiment]) -> list[LeaderboardRowAnswer]:
    live = SearchIndex.objects.filter(dataset=dataset, live=True).values_list("spec", flat=True).first()
    return [_row(experiment, live) for experiment in experiments]


def _row(experiment: Experiment, live_spec: int | None) -> LeaderboardRowAnswer:
    spec = experiment.spec
    return {
        "rank": None,
        "experiment": experiment.pk,
        "model": spec.model,
        "title": f"{_title(spec.model)}{' tuned' if spec.tuning else ''}",
        "layer": spec.layer,
        "layer_position": registry.layer_position(spec.model, spec.layer),
        "pooling": spec.pooling,
        "metric": experiment.metric,
        "weighted_precision": percent(experiment.weighted_precision),
        "precision": percent(experiment.precision),
        "map": percent(experiment.average_precision),
        "dims": spec.dims,
        "bytes_per_vector": spec.dims * BYTES_PER_VALUE,
        "extract_ms": milliseconds(experiment.extract_ms),
        "pareto": False,
        "live": spec.pk == live_spec and experiment.metric == Experiment.Metric.COSINE,
        "tuned": bool(spec.tuning),
    }


def _title(model: str) -> str:
    """Return the title of a network, or its name when it was measured once and is no longer configured."""
    try:
        return registry.get_network(model).title
    except NotFoundError:
        return model


def _place(row: LeaderboardRowAnswer, score: Score) -> tuple[float, ...]:
    """Return what rows are sorted by: the score, then the cheaper, the shorter and the older first."""
    value, cost = row[score], row["extract_ms"]
    return (
        math.inf if value is None else -value,
        math.inf if cost is None else cost,
        row["dims"],
        row["experiment"],
    )


def _rank(rows: list[LeaderboardRowAnswer], score: Score) -> None:
    for place, row in enumerate(rows, start=1):
        if row[score] is None:
            break
        before = rows[place - 2] if place > 1 else None
        row["rank"] = before["rank"] if before and before[score] == row[score] else place
