"""Experiments: which are asked for, what is missing, and the job that computes it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from django.db import transaction

from gallery import jobs
from gallery.errors import NotFoundError
from gallery.jobs import JobRun
from gallery.models import Category, Dataset, Job
from search.embedding import all_layers
from search.experiments.scoring import Measure, Measured, measure
from search.extractors.networks import registry
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


def plans(
    models: Sequence[str] = (), poolings: Sequence[str] = (), metrics: Sequence[str] = ()
) -> list[Plan]:
    """Return one plan a network; empty means the default ones, "all" every network.

    Raises: NotFoundError for an unknown network, pooling or metric.
    """
    names = list(dict.fromkeys(models or DEFAULT_MODELS))
    if "all" in names:
        names = [network.name for network in registry.known()]
    chosen_poolings = tuple(dict.fromkeys(poolings or DEFAULT_POOLINGS))
    chosen_metrics = tuple(dict.fromkeys(metrics or DEFAULT_METRICS))
    for name in names:
        registry.architecture(name)
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
    found = []
    for plan in plans(models, poolings, metrics):
        parameters = parameters_of(plan)
        active = Job.objects.filter(dataset=dataset, kind=Job.Kind.EXPERIMENT, state__in=Job.ACTIVE)
        # compared here: databases differ in how they compare JSON
        same = next((job for job in active.order_by("pk") if job.parameters == parameters), None)
        if same is not None:
            found.append(same)
        elif is_missing(dataset, plan):
            found.append(create(Job.Kind.EXPERIMENT, dataset, **parameters))
    return found


def parameters_of(plan: Plan) -> dict[str, Any]:
    """Return a plan as the parameters of its job."""
    return {"model": plan.model, "poolings": list(plan.poolings), "metrics": list(plan.metrics)}


def signature(dataset: Dataset) -> str:
    """Return a digest of which images a dataset has and how they are labelled."""
    return signatures([dataset.pk])[dataset.pk]


def signatures(dataset_ids: Collection[int]) -> dict[int, str]:
    """Return the signature of each of these datasets, from one query of the counts that are kept of them."""
    rows: dict[int, list[tuple[str, int, int, int]]] = {pk: [] for pk in dataset_ids}
    kept = Category.objects.filter(dataset__in=dataset_ids).order_by("dataset", "name")
    for row in kept:
        rows[row.dataset_id].append((row.name, row.images, row.id_sum, row.id_square_sum))
    return {pk: hashlib.sha256(repr(own).encode()).hexdigest() for pk, own in rows.items()}


def is_missing(dataset: Dataset, plan: Plan) -> bool:
    """Whether a plan has something to compute; with a network whose weights are missing it has.

    There is nothing to compute without pictures.
    """
    if not dataset.images.exists():
        return False
    if registry.architecture(plan.model).unavailable_reason():
        return True
    specs = [spec for name in plan.poolings for spec in layer_specs(plan.model, name)]
    return bool(_missing(dataset, specs, plan.metrics, signature(dataset)))


def require_weights(plan: Plan) -> None:
    """Fetch the weights of a plan's network where they are not here. Raises: WeightsError."""
    network = registry.architecture(plan.model)
    if network.unavailable_reason():
        network.fetch()


def compute_now(dataset: Dataset, plan: Plan) -> tuple[int, int]:
    """Compute what a plan lacks in this process; returns how many were computed and how many were not.

    Raises: WeightsError when the weights of the network are neither here nor to be fetched; SemsearchError
    with the job's error when it failed otherwise.
    """
    require_weights(plan)
    if not is_missing(dataset, plan):
        return 0, sum(len(layer_specs(plan.model, name)) for name in plan.poolings) * len(plan.metrics)
    job = jobs.perform_now(Job.Kind.EXPERIMENT, dataset, **parameters_of(plan))
    return job.result["experiments"], job.result["skipped"]


def experiment_job(run: JobRun) -> dict[str, Any]:
    """Do an experiment job: extract what is missing, measure what is missing or out of date.

    Raises: WeightsError when the weights of the network are neither here nor to be fetched.
    """
    dataset = run.job.dataset
    assert dataset is not None
    asked = run.job.parameters
    plan = Plan(asked["model"], tuple(asked["poolings"]), tuple(asked["metrics"]))
    network = registry.architecture(plan.model)
    if network.unavailable_reason():
        run.begin(0, f"Fetching the weights of {network.title}")
        network.fetch()
    now = signature(dataset)
    computed = asked_for = 0
    for name in plan.poolings:
        specs = layer_specs(plan.model, name)
        missing = _missing(dataset, specs, plan.metrics, now)
        asked_for += len(specs) * len(plan.metrics)
        if missing:
            costs = all_layers.extract_layers(run, dataset, specs)
            computed += _compute(run, dataset, missing, costs, now)
    # what came while this ran is left for the next one, which finds these out of date
    return {"experiments": computed, "skipped": asked_for - computed}


def _missing(
    dataset: Dataset, specs: Sequence[FeatureSpec], metrics: Sequence[str], now: str
) -> list[tuple[FeatureSpec, str]]:
    """Return the pairs of spec and metric that have no experiment with the images as they are now."""
    there = set(
        Experiment.objects.filter(dataset=dataset, spec__in=specs, images_signature=now).values_list(
            "spec_id", "metric"
        )
    )
    return [(spec, metric) for spec in specs for metric in metrics if (spec.pk, metric) not in there]


def _compute(
    run: JobRun,
    dataset: Dataset,
    missing: list[tuple[FeatureSpec, str]],
    costs: dict[int, float],
    now: str,
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
        _store(dataset, spec, metric, found, measured, costs.get(spec.pk), now)
    run.advance(len(missing))
    return len(missing)


def _store(
    dataset: Dataset,
    spec: FeatureSpec,
    metric: str,
    ids: Ids,
    measured: Measured,
    cost_ms: float | None,
    now: str,
) -> None:
    """Put an experiment in the place of its predecessor, whole or not at all."""
    judged = measured.judged
    values: dict[str, Any] = {
        "images": len(ids),
        "images_signature": now,
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
