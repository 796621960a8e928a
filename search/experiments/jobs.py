"""Experiments: which are asked for, what is missing, and the job that computes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from gallery import jobs
from gallery.errors import NotFoundError
from gallery.jobs import JobRun
from gallery.models import Dataset, Job
from search import job_kinds
from search.embedding import all_layers, network_jobs
from search.experiments import live_configuration, tuned_scores
from search.experiments.measured import NEIGHBOURS_KEPT, SCORED_FIRST, Measured, State, store
from search.experiments.scoring import ScoringOptions, rank_and_score
from search.extractors.pooling import pooling
from search.features import matrices
from search.features.feature_specs import layer_specs
from search.job_results import ExperimentResult
from search.models import Experiment, FeatureSpec, SearchIndex

DEFAULT_MODELS = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
DEFAULT_POOLINGS = ("average",)
DEFAULT_METRICS = (Experiment.Metric.COSINE.value, Experiment.Metric.EUCLIDEAN.value)


class JobParameters(TypedDict):
    """A plan as the parameters of its job."""

    model: str
    poolings: list[str]
    metrics: list[str]


@dataclass(frozen=True)
class Plan:
    """Experiments with one network: all its layers with these poolings and metrics."""

    model: str
    poolings: tuple[str, ...]
    metrics: tuple[str, ...]

    def as_job(self) -> JobParameters:
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
    dataset: Dataset, asked: Sequence[Plan], *, create: Callable[..., Job] = jobs.enqueue
) -> list[Job]:
    """Queue a job for each plan that has something to compute, or return the one that is under way."""
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
    revision = dataset.current_revision()
    live = live_configuration.unmeasured(dataset, revision, plan.model)
    return live is not None or bool(_missing(State(dataset, revision), specs, plan.metrics))


def compute_now(dataset: Dataset, plan: Plan) -> tuple[int, int]:
    """Compute what a plan lacks in this process; returns how many were computed and how many were not.

    Raises: WeightsError when the weights of the network are neither here nor to be fetched; SemsearchError
    with the job's error when it failed otherwise.
    """
    job = network_jobs.compute_now(job_kinds.EXPERIMENT, dataset, plan, is_missing)
    if job is None:
        return 0, sum(len(layer_specs(plan.model, name)) for name in plan.poolings) * len(plan.metrics)
    return job.result["experiments"], job.result["skipped"]


def experiment_job(run: JobRun) -> ExperimentResult:
    """Do an experiment job: extract what is missing, measure what is missing or out of date.

    Raises: WeightsError when the weights of the network are neither here nor to be fetched.
    """
    dataset = run.job.dataset
    assert dataset is not None
    asked = run.job.parameters
    plan = Plan(asked["model"], tuple(asked["poolings"]), tuple(asked["metrics"]))
    network_jobs.fetch_weights(plan.model, run)
    state = State(dataset, dataset.current_revision())
    computed = asked_for = 0
    for name in plan.poolings:
        specs = layer_specs(plan.model, name)
        missing = _missing(state, specs, plan.metrics)
        asked_for += len(specs) * len(plan.metrics)
        if missing:
            costs = all_layers.extract_layers(run, dataset, specs)
            computed += _compute(run, state, missing, costs)
    if (live := live_configuration.unmeasured(dataset, state.revision, plan.model)) is not None:
        computed, asked_for = computed + _measure_live(state, live), asked_for + 1
    # what came while this ran is left for the next one, which finds these out of date
    return {"experiments": computed, "skipped": asked_for - computed}


def _measure_live(state: State, index: SearchIndex) -> int:
    """Measure the live configuration by the vectors that are stored, beside those it competes with.

    What is tuned was learned from labels: it is measured without them.
    """
    if index.spec.tuning:
        return tuned_scores.measure(state, index)
    rows = list(state.dataset.images.order_by("pk").values_list("pk", "category"))
    categories = dict(rows)
    ids, vectors = live_configuration.stored_vectors(index, np.array(list(categories), dtype=np.int64))
    if not len(ids):
        return 0
    metric = Experiment.Metric.COSINE.value
    options = ScoringOptions(metric, NEIGHBOURS_KEPT, SCORED_FIRST)
    neighbours = rank_and_score(vectors, [categories[pk] for pk in ids.tolist()], options)
    store(state, Measured(index.spec, metric, ids, neighbours, None))
    return 1


def _missing(
    state: State, specs: Sequence[FeatureSpec], metrics: Sequence[str]
) -> list[tuple[FeatureSpec, str]]:
    """Return the pairs of spec and metric that have no experiment with the images as they are now."""
    current = Experiment.objects.filter(dataset=state.dataset, spec__in=specs, images_revision=state.revision)
    there = set(current.values_list("spec_id", "metric"))
    return [(spec, metric) for spec in specs for metric in metrics if (spec.pk, metric) not in there]


def _compute(
    run: JobRun, state: State, missing: list[tuple[FeatureSpec, str]], costs: dict[int, float]
) -> int:
    """Measure and store the missing experiments; returns how many. `costs` are milliseconds by spec id."""
    rows = list(state.dataset.images.order_by("pk").values_list("pk", "category"))
    if not rows:
        # all were deleted since this was asked for
        return 0
    all_ids = np.array([pk for pk, _ in rows], dtype=np.int64)
    categories = np.array([category for _, category in rows], dtype=np.str_)
    run.begin(len(missing), "")
    vectors, read_for = np.empty((0, 0), dtype=np.float32), 0
    ids = all_ids
    for done, (spec, metric) in enumerate(missing):
        run.give_way()
        title = f"Measuring {spec.model} {spec.layer}, {metric.replace('_', ' ')}"
        run.advance(done, title)
        if spec.pk != read_for:
            ids, vectors = matrices.read(state.dataset, spec, all_ids)
            read_for = spec.pk

        def report(count: int, done: int = done, title: str = title) -> None:
            run.advance(done, title)

        own = categories[np.searchsorted(all_ids, ids)].tolist()
        options = ScoringOptions(metric, NEIGHBOURS_KEPT, SCORED_FIRST)
        neighbours = rank_and_score(vectors, own, options, report)
        store(state, Measured(spec, metric, ids, neighbours, costs.get(spec.pk)))
    run.advance(len(missing))
    return len(missing)
