"""Maps of datasets: which are asked for, what is missing, and the job that makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gallery import jobs
from gallery.errors import NotFoundError, SemsearchError
from gallery.imaging import sprite_sheets
from gallery.jobs import JobRun
from gallery.models import Dataset, Job
from search import job_kinds
from search.embedding import all_layers, network_jobs
from search.experiments import live_configuration
from search.extractors.networks import registry
from search.extractors.pooling import pooling
from search.features import feature_specs, matrices
from search.job_results import ProjectionResult
from search.maps.layers import PARAMETERS, LayerMaps, Plan, stored
from search.models import FeatureSpec, Projection, SearchIndex
from search.projections.plan import ProjectionPlan

# the network of live search first: its map is the one a visitor meets
DEFAULT_MODELS = ("efficientnet-lite2", "efficientnet-lite0", "efficientnet-lite1")
DEFAULT_POOLING = "average"
METHODS = tuple(Projection.Method.values)


class NothingToProjectError(SemsearchError):
    """A dataset without pictures has no map."""

    code = "nothing_to_project"
    status = 422


def plans(
    methods: Sequence[str] = (),
    models: Sequence[str] = (),
    pooling_name: str = "",
    parameters: Mapping[str, Any] | None = None,
    *,
    afresh: bool = False,
) -> list[Plan]:
    """Return one plan a method and network; empty means the default ones, "all" every network.

    Of the parameters each method takes those that concern it.
    Raises: NotFoundError for an unknown network, pooling or method; ProjectionInputError for a parameter
    out of range.
    """
    names = network_jobs.chosen_networks(models, DEFAULT_MODELS)
    chosen_pooling = pooling_name or DEFAULT_POOLING
    pooling(chosen_pooling)
    found = []
    for method in dict.fromkeys(methods or METHODS):
        if method not in METHODS:
            raise NotFoundError(f"There is no method {method!r}; there are {', '.join(METHODS)}.")
        # checked as given, so that a wrong value is told also where it does not matter
        given = ProjectionPlan(method=method, **(parameters or {}))
        own = {name: getattr(given, name) for name in PARAMETERS[method]}
        projection_plan = ProjectionPlan(method=method, **own)
        found += [Plan(name, chosen_pooling, projection_plan, afresh) for name in names]
    return found


def enqueue(
    dataset: Dataset, asked: Sequence[Plan], *, create: Callable[..., Job] = jobs.enqueue
) -> list[Job]:
    """Queue a job for each plan that has something to compute, or return the one that is under way.

    Raises: NothingToProjectError for a dataset without pictures.
    """
    if not dataset.images.exists():
        raise NothingToProjectError(f"{dataset.name} has no images yet: import some, then make its map.")
    return network_jobs.enqueue_missing(job_kinds.PROJECT, dataset, asked, is_missing, create=create)


def is_missing(dataset: Dataset, plan: Plan) -> bool:
    """Whether a plan has something to compute; with a network whose weights are missing it has.

    There is nothing to compute without images.
    """
    if not dataset.images.exists():
        return False
    if plan.afresh or network_jobs.lacks_weights(plan.model):
        return True
    specs = feature_specs.layer_specs(plan.model, plan.pooling)
    current = stored(dataset, specs, plan).filter(images_revision=dataset.current_revision())
    return current.count() < len(specs)


def compute_now(dataset: Dataset, plan: Plan) -> tuple[int, int]:
    """Make the maps a plan lacks in this process; returns how many were made and how many were there.

    Raises: WeightsError when the weights of the network are neither here nor to be fetched; SemsearchError
    with the job's error when it failed otherwise.
    """
    job = network_jobs.compute_now(job_kinds.PROJECT, dataset, plan, is_missing)
    if job is None:
        return 0, len(feature_specs.layer_specs(plan.model, plan.pooling))
    return job.result["projections"], job.result["skipped"]


def project_job(run: JobRun) -> ProjectionResult:
    """Do a projection job: extract what is missing, then lay out one layer after the other, the last first.

    Each layer begins from the map of the next one, and what is stored is taken up: a job that was killed
    goes on where it stopped, and comes to the same maps.
    Raises: WeightsError when the weights of the network are neither here nor to be fetched.
    """
    dataset = run.job.dataset
    assert dataset is not None
    asked = run.job.parameters
    if "spec" in asked:
        return _tuned_map(run, dataset, asked["spec"], asked["method"])
    (plan,) = plans(
        (asked["method"],),
        (asked["model"],),
        asked["pooling"],
        asked["parameters"],
        afresh=asked["afresh"],
    )
    network_jobs.fetch_weights(plan.model, run)
    revision = dataset.current_revision()
    specs = feature_specs.layer_specs(plan.model, plan.pooling)
    if not specs:
        title = registry.get_network(plan.model).title
        raise NothingToProjectError(
            f"With the pooling {plan.pooling} all layers of {title} give vectors that are too long: "
            "take another pooling."
        )
    all_layers.extract_layers(run, dataset, specs)
    run.touch(message="Drawing the small images of the map")
    sprite_sheets.update(dataset, run.touch)
    computed = LayerMaps(run, dataset, plan, revision).compute(specs)
    # what came while this ran is left for the next one, which finds these out of date
    return {"projections": computed, "skipped": len(specs) - computed}


def enqueue_tuned(dataset: Dataset, spec: FeatureSpec) -> Job | None:
    """Queue the map of tuned vectors, where the dataset has maps: None elsewhere, nobody looks at them."""
    if not Projection.objects.filter(dataset=dataset).exists():
        return None
    return jobs.enqueue(
        job_kinds.PROJECT, dataset, spec=spec.pk, model=spec.model, method=Projection.Method.UMAP.value
    )


def _tuned_map(run: JobRun, dataset: Dataset, spec_id: int, method: str) -> ProjectionResult:
    """Lay out tuned vectors, which are stored already; nothing where they have been replaced meanwhile."""
    index = SearchIndex.objects.select_related("spec").filter(dataset=dataset, spec=spec_id).first()
    if index is None:
        return {"projections": 0, "skipped": 1}
    revision = dataset.current_revision()
    images = np.array(dataset.images.order_by("pk").values_list("pk", flat=True), dtype=np.int64)
    ids, vectors = live_configuration.stored_vectors(index, images)
    new = ~np.isin(ids, matrices.held(dataset, index.spec))
    if new.any():
        matrices.append(dataset, index.spec, ids[new], vectors[new])
    run.touch(message="Drawing the small images of the map")
    sprite_sheets.update(dataset, run.touch)
    plan = Plan(index.spec.model, index.spec.pooling, ProjectionPlan(method=method))
    computed = LayerMaps(run, dataset, plan, revision).compute([index.spec])
    return {"projections": computed, "skipped": 1 - computed}
