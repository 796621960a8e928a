"""What the jobs of experiments and of maps have in common: each works on all layers of one network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from gallery import jobs
from gallery.jobs import JobRun
from gallery.models import Dataset, Job
from search.extractors.networks import registry
from search.features import loaded_extractors


class NetworkPlan(Protocol):
    """What is asked for of one network."""

    @property
    def model(self) -> str:
        """The name of the network."""
        ...

    def as_job(self) -> Mapping[str, object]:
        """Return the plan as the parameters of its job."""
        ...


Plan = TypeVar("Plan", bound=NetworkPlan)
IsMissing = Callable[[Dataset, Plan], bool]


def chosen_networks(names: Sequence[str], default: Sequence[str]) -> list[str]:
    """Return the names of networks, each once; none means the default ones, "all" every network.

    Raises: NotFoundError for an unknown one.
    """
    chosen = list(dict.fromkeys(names or default))
    if "all" in chosen:
        return [network.name for network in registry.known()]
    for name in chosen:
        registry.get_network(name)
    return chosen


def enqueue_missing(
    kind: str,
    dataset: Dataset,
    plans: Iterable[Plan],
    is_missing: IsMissing[Plan],
    *,
    create: Callable[..., Job] = jobs.enqueue,
) -> list[Job]:
    """Queue a job for each plan that has something to compute, or return the one that is under way."""
    found = []
    for plan in plans:
        same = jobs.find_same(kind, dataset, plan.as_job())
        if same is not None:
            found.append(same)
        elif is_missing(dataset, plan):
            found.append(create(kind, dataset, **plan.as_job()))
    return found


def compute_now(kind: str, dataset: Dataset, plan: Plan, is_missing: IsMissing[Plan]) -> Job | None:
    """Compute what a plan lacks in this process; returns the ended job, or None when nothing was missing.

    Raises: WeightsError when the weights of the network are neither here nor to be fetched; SemsearchError
    with the job's error when it failed otherwise.
    """
    fetch_weights(plan.model)
    return jobs.perform_now(kind, dataset, **plan.as_job()) if is_missing(dataset, plan) else None


def lacks_weights(model: str) -> bool:
    """Whether a network cannot be used before its weights are fetched."""
    return bool(registry.get_network(model).unavailable_reason())


def convert_first(run: JobRun, model: str, layers: tuple[str, ...], input_size: int) -> None:
    """Say in a job that a network is converted, where loading it, which comes next, does so first."""
    if words := loaded_extractors.conversion_ahead(model, layers, input_size):
        run.begin(0, words)


def fetch_weights(model: str, run: JobRun | None = None) -> None:
    """Fetch the weights of a network where they are not here, and say so in a job. Raises: WeightsError."""
    network = registry.get_network(model)
    if network.unavailable_reason():
        if run is not None:
            run.begin(0, f"Fetching the weights of {network.title}")
        network.fetch()
