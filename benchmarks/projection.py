"""A UMAP map of real features, against umap-learn as it comes with the same seed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings

from benchmarks import rounds
from benchmarks.crops import crop_features
from search.projections.plan import Points, ProjectionPlan
from search.projections.projection import project
from search.projections.quality import fidelity
from search.projections.umap_map import import_umap
from search.types import Vectors

COUNT = 20_000
ROUNDS = 3
WARM_UP = (
    4_500  # above 4,096 vectors umap-learn searches neighbours approximately, with other code to compile
)


def projection(count: int = COUNT) -> dict[str, Any]:
    """Measure both in turn, three times; the medians count.

    Both run once before on fewer vectors, so that no compilation is timed. The map of the last round is
    judged. The figures are for the cosine distance; "euclidean" holds the same for umap-learn's own default
    distance.
    """
    vectors, images = crop_features(count, settings.CACHE_ROOT)
    metrics = {metric: _compared(vectors, metric) for metric in ("cosine", "euclidean")}
    return {"count": count, **metrics["cosine"], "euclidean": metrics["euclidean"], "pictures": images}


def _compared(vectors: Vectors, metric: str) -> dict[str, Any]:
    plan = ProjectionPlan(metric=metric)
    few = vectors[:WARM_UP]
    project(few, plan)
    _as_it_comes(few, plan)
    found = rounds.in_turn(
        {
            "ours": lambda: _timed(lambda: project(vectors, plan).points),
            "theirs": lambda: _timed(lambda: _as_it_comes(vectors, plan)),
        },
        ROUNDS,
    )
    ours, theirs = ([[seconds] for seconds, _ in found[name]] for name in found)
    judged, peer_judged = (fidelity(vectors, found[name][-1][1], metric=metric) for name in found)
    return {
        "seconds": round(statistics.median(rounds.flat(ours)), 2),
        "peer_seconds": round(statistics.median(rounds.flat(theirs)), 2),
        **rounds.compared(ours, theirs, less_is_better=True),
        "trustworthiness": round(judged.trustworthiness, 4),
        "peer_trustworthiness": round(peer_judged.trustworthiness, 4),
        "neighbour_agreement": round(judged.neighbour_agreement, 4),
        "peer_neighbour_agreement": round(peer_judged.neighbour_agreement, 4),
    }


def _as_it_comes(vectors: Vectors, plan: ProjectionPlan) -> Points:
    points: Points = import_umap().UMAP(metric=plan.metric, random_state=plan.seed).fit_transform(vectors)
    return points


def _timed(work: Callable[[], Points]) -> tuple[float, Points]:
    started = time.perf_counter()
    points = work()
    return time.perf_counter() - started, points
