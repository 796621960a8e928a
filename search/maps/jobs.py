"""Maps of datasets: which are asked for, what is missing, and the job that makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gallery import jobs
from gallery.errors import NotFoundError, SemsearchError
from gallery.imaging import sprite_sheets
from gallery.jobs import JobRun
from gallery.models import Dataset, Job
from search.embedding import all_layers
from search.experiments import jobs as experiment_jobs
from search.extractors.networks import registry
from search.extractors.pooling import pooling
from search.features import feature_specs
from search.maps.layers import PARAMETERS, Layers, Plan, stored
from search.models import Projection
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
    names = list(dict.fromkeys(models or DEFAULT_MODELS))
    if "all" in names:
        names = [network.name for network in registry.known()]
    for name in names:
        registry.architecture(name)
    chosen_pooling = pooling_name or DEFAULT_POOLING
    pooling(chosen_pooling)
    found = []
    for method in dict.fromkeys(methods or METHODS):
        if method not in METHODS:
            raise NotFoundError(f"There is no method {method!r}; there are {', '.join(METHODS)}.")
        # checked as given, so that a wrong value is told also where it does not matter
        given = ProjectionPlan(method=method, **(parameters or {}))
        own = {name: getattr(given, name) for name in PARAMETERS[method]}
        layout = ProjectionPlan(method=method, **own)
        found += [Plan(name, chosen_pooling, layout, afresh) for name in names]
    return found


def enqueue(
    dataset: Dataset, asked: Sequence[Plan], *, create: Callable[..., Job] = jobs.enqueue
) -> list[Job]:
    """Queue a job for each plan that has something to compute, or return the one that is under way.

    Raises: NothingToProjectError for a dataset without pictures.
    """
    if not dataset.images.exists():
        raise NothingToProjectError(f"{dataset.name} has no pictures yet: import some, then make its map.")
    active = Job.objects.filter(dataset=dataset, kind=Job.Kind.PROJECT, state__in=Job.ACTIVE)
    under_way = list(active.order_by("pk"))
    found = []
    for plan in asked:
        # compared here: databases differ in how they compare JSON
        same = next((job for job in under_way if job.parameters == plan.as_job()), None)
        if same is not None:
            found.append(same)
        elif is_missing(dataset, plan):
            found.append(create(Job.Kind.PROJECT, dataset, **plan.as_job()))
    return found


def is_missing(dataset: Dataset, plan: Plan) -> bool:
    """Whether a plan has something to compute; with a network whose weights are missing it has."""
    if plan.afresh or registry.architecture(plan.model).unavailable_reason():
        return True
    specs = feature_specs.layer_specs(plan.model, plan.pooling)
    current = stored(dataset, specs, plan).filter(images_signature=experiment_jobs.signature(dataset))
    return current.count() < len(specs)


def compute_now(dataset: Dataset, plan: Plan) -> tuple[int, int]:
    """Make the maps a plan lacks in this process; returns how many were made and how many were there.

    Raises: WeightsError when the weights of the network are neither here nor to be fetched; SemsearchError
    with the job's error when it failed otherwise.
    """
    network = registry.architecture(plan.model)
    if network.unavailable_reason():
        network.fetch()
    if not dataset.images.exists() or not is_missing(dataset, plan):
        return 0, len(feature_specs.layer_specs(plan.model, plan.pooling))
    job = jobs.perform_now(Job.Kind.PROJECT, dataset, **plan.as_job())
    return job.result["projections"], job.result["skipped"]


def project_job(run: JobRun) -> dict[str, Any]:
    """Do a projection job: extract what is missing, then lay out one layer after the other, the last first.

    Each layer begins from the map of the next one, and what is stored is taken up: a job that was killed
    goes on where it stopped, and comes to the same maps.
    Raises: WeightsError when the weights of the network are neither here nor to be fetched.
    """
    dataset = run.job.dataset
    assert dataset is not None
    asked = run.job.parameters
    (plan,) = plans(
        (asked["method"],),
        (asked["model"],),
        asked["pooling"],
        asked["parameters"],
        afresh=asked["afresh"],
    )
    network = registry.architecture(plan.model)
    if network.unavailable_reason():
        run.begin(0, f"Fetching the weights of {network.title}")
        network.fetch()
    now = experiment_jobs.signature(dataset)
    specs = feature_specs.layer_specs(plan.model, plan.pooling)
    if not specs:
        raise NothingToProjectError(
            f"With the pooling {plan.pooling} all layers of {network.title} give vectors that are too long: "
            "take another pooling."
        )
    all_layers.extract_layers(run, dataset, specs)
    run.touch(message="Drawing the small pictures of the map")
    sprite_sheets.update(dataset, run.touch)
    computed = Layers(run, dataset, plan, now).compute(specs)
    # what came while this ran is left for the next one, which finds these out of date
    return {"projections": computed, "skipped": len(specs) - computed}
