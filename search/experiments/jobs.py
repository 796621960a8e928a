"""Experiments: which are asked for, what is missing, and the job that computes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from django.db import transaction

from gallery import jobs
from gallery.errors import NotFoundError
from gallery.jobs import JobRun
from gallery.models import Dataset, Job
from search import job_kinds
from search.embedding import all_layers, network_jobs
from search.experiments.scoring import Measure, Measured, measure
from search.extractors.pooling import pooling
from search.features import matrices
from search.features.feature_specs import layer_specs
from search.models import Experiment, ExperimentQuery, FeatureSpec
from search.types import Ids

DEFAULT_MODELS = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
DEFAULT_POOLINGS = ("average",)
DEFAULT_METRICS = (Experiment.Metric.COSINE.value, Experiment.Metric.EUCLIDEAN.value)
NEIGHBOURS_KEPT = 50
SCORED_FIRST = 10
WRITE_ROWS = 2000


@dataclass(frozen=True)
class Plan:
    """Experiments with one network: all its layers with these poolings and metrics."""

    model: str
    poolings: tuple[str, ...]
    metrics: tuple[str, ...]

    def as_job(self) -> dict[str, Any]:
        """Return the plan as the parameters of its job."""
        return {"model": self.model, "poolings": list(self.poolings), "metrics": list(self.metrics)}


def plans(
    models: Sequence[str] = (), poolings: Sequence[str] = (), metrics: Sequence[str] = ()
) -> list[Plan]:
    """Return one plan a network; empty means the default ones, "all" every network.

    Raises: NotFoundError for an unknown network, pooling or metric.
    """
    names = network_jobs.chosen_networks(models, DEFAULT_MODELS)
    chosen_poolings = tuple(dict.fromkeys(poolings or DEFAULT_POOLINGS))
    chosen_metrics = tuple(dict.fromkeys(metrics or DEFAULT_METRICS))
    for name in chosen_poolings:
        pooling(name)
    for name in chosen_metrics:
        if name not in Experiment.Metric.values:
            raise NotFoundError(
                f"There is no metric {name!r}; there are {', '.join(Experiment.Metric.values)}."
            )
    return [Plan(name, chosen_poolings, chosen_metrics) for name in names]


def enqueue(
    dataset: Dataset,
    models: Sequence[str] = (),
    poolings: Sequence[str] = (),
    metrics: Sequence[str] = (),
    *,
    create: Callable[..., Job] = jobs.enqueue,
) -> list[Job]:
    """Queue a job for each network that has something to compute, or return the one that is under way.

    Raises: NotFoundError for an unknown name.
    """
    asked = plans(models, poolings, metrics)
    return network_jobs.enqueue_missing(job_kinds.EXPERIMENT, dataset, asked, is_missing, create=create)


def is_missing(dataset: Dataset, plan: Plan) -> bool:
    """Whether a plan has something to compute; with a network whose weights are missing it has.

    There is nothing to compute without pictures.
    """
    if not dataset.images.exists():
        return False
    if network_jobs.lacks_weights(plan.model):
        return True
    specs = [spec for name in plan.poolings for spec in layer_specs(plan.model, name)]
    return bool(_missing(dataset, specs, plan.metrics, dataset.current_revision()))


def compute_now(dataset: Dataset, plan: Plan) -> tuple[int, int]:
    """Compute what a plan lacks in this process; returns how many were computed and how many were not.

    Raises: WeightsError when the weights of the network are neither here nor to be fetched; SemsearchError
    with the job's error when it failed otherwise.
    """
    job = network_jobs.compute_now(job_kinds.EXPERIMENT, dataset, plan, is_missing)
    if job is None:
        return 0, sum(len(layer_specs(plan.model, name)) for name in plan.poolings) * len(plan.metrics)
    return job.result["experiments"], job.result["skipped"]


def experiment_job(run: JobRun) -> dict[str, Any]:
    """Do an experiment job: extract what is missing, measure what is missing or out of date.

    Raises: WeightsError when the weights of the network are neither here nor to be fetched.
    """
    dataset = run.job.dataset
    assert dataset is not None
    asked = run.job.parameters
    plan = Plan(asked["model"], tuple(asked["poolings"]), tuple(asked["metrics"]))
    network_jobs.fetch_weights(plan.model, run)
    revision = dataset.current_revision()
    computed = asked_for = 0
    for name in plan.poolings:
        specs = layer_specs(plan.model, name)
        missing = _missing(dataset, specs, plan.metrics, revision)
        asked_for += len(specs) * len(plan.metrics)
        if missing:
            costs = all_layers.extract_layers(run, dataset, specs)
            computed += _compute(run, dataset, missing, costs, revision)
    # what came while this ran is left for the next one, which finds these out of date
    return {"experiments": computed, "skipped": asked_for - computed}


def _missing(
    dataset: Dataset, specs: Sequence[FeatureSpec], metrics: Sequence[str], revision: int
) -> list[tuple[FeatureSpec, str]]:
    """Return the pairs of spec and metric that have no experiment with the images as they are now."""
    there = set(
        Experiment.objects.filter(dataset=dataset, spec__in=specs, images_revision=revision).values_list(
            "spec_id", "metric"
        )
    )
    return [(spec, metric) for spec in specs for metric in metrics if (spec.pk, metric) not in there]


def _compute(
    run: JobRun,
    dataset: Dataset,
    missing: list[tuple[FeatureSpec, str]],
    costs: dict[int, float],
    revision: int,
) -> int:
    """Measure and store the missing experiments; returns how many."""
    rows = list(dataset.images.order_by("pk").values_list("pk", "category"))
    ids = np.array([pk for pk, _ in rows], dtype=np.int64)
    categories = np.array([category for _, category in rows], dtype=np.str_)
    run.begin(len(missing), "")
    vectors, read_for = np.empty((0, 0), dtype=np.float32), 0
    found = ids
    for done, (spec, metric) in enumerate(missing):
        run.give_way()
        title = f"Measuring {spec.model} {spec.layer}, {metric.replace('_', ' ')}"
        run.advance(done, title)
        if spec.pk != read_for:
            found, vectors = matrices.read(dataset, spec, ids)
            read_for = spec.pk
        plan = Measure(metric, NEIGHBOURS_KEPT, SCORED_FIRST)

        def report(count: int, done: int = done, title: str = title) -> None:
            run.advance(done, title)

        labels = categories[np.searchsorted(ids, found)].tolist()
        measured = measure(vectors, labels, plan, report)
        _store(dataset, spec, metric, found, measured, costs.get(spec.pk), revision)
    run.advance(len(missing))
    return len(missing)


def _store(
    dataset: Dataset,
    spec: FeatureSpec,
    metric: str,
    ids: Ids,
    measured: Measured,
    cost_ms: float | None,
    revision: int,
) -> None:
    """Put an experiment in the place of its predecessor, whole or not at all."""
    judged = measured.judged
    values: dict[str, Any] = {
        "images": len(ids),
        "images_revision": revision,
        "k": SCORED_FIRST,
        "extract_ms": cost_ms,
        "categories": judged.categories if judged else [],
        "confusion": judged.confusion if judged else [],
    }
    for name in ("weighted_precision", "precision", "average_precision"):
        values[name] = float(getattr(judged, name).mean()) if judged else None
    with transaction.atomic():
        experiment, _ = Experiment.objects.update_or_create(
            dataset=dataset, spec=spec, metric=metric, defaults=values
        )
        experiment.queries.all().delete()
        there = set(dataset.images.values_list("pk", flat=True))
        rows = (row for row in _queries(experiment, ids, measured) if row.image_id in there)
        while chunk := list(islice(rows, WRITE_ROWS)):
            ExperimentQuery.objects.bulk_create(chunk)


def _queries(experiment: Experiment, ids: Ids, measured: Measured) -> Iterator[ExperimentQuery]:
    judged = measured.judged
    places = {int(place): row for row, place in enumerate(judged.queries)} if judged else {}
    neighbours = ids[measured.neighbours].astype("<i8")
    scores = measured.scores.astype("<f4")
    for place, pk in enumerate(ids):
        query = ExperimentQuery(
            experiment=experiment,
            image_id=int(pk),
            neighbours=neighbours[place].tobytes(),
            scores=scores[place].tobytes(),
        )
        row = places.get(place)
        if judged is not None and row is not None:
            query.weighted_precision = float(judged.weighted_precision[row])
            query.precision = float(judged.precision[row])
            query.average_precision = float(judged.average_precision[row])
        yield query
