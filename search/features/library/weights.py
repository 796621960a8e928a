"""Gets the weights of networks that do not ship with the program, and says which files are to be brought."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, TypedDict

from gallery import jobs
from gallery.errors import NotFoundError, WeightsError
from gallery.jobs import JobRun
from gallery.models import Job
from search import job_kinds
from search.extractors.networks import downloads, keras_applications, registry
from search.extractors.networks.applications import KERAS_APPLICATIONS, Application
from search.job_results import WeightsResult

ALL = "all"
MEGABYTE = 1_000_000
# is told the name of a file, and how many bytes there are of how many
Told = Callable[[str, int, int], None]


class MissingWeights(TypedDict):
    """A file of weights that is to be brought, and where it belongs."""

    model: str
    file: str
    url: str
    sha256: Annotated[str | None, "None: Keras publishes MD5 only."]
    md5: Annotated[str | None, "As Keras publishes it; None where it does not."]
    folder: str
    reason: str


class WeightsReport(TypedDict):
    """The networks that can be used now, and what the others lack."""

    available: list[str]
    missing: list[MissingWeights]


def chosen(names: Sequence[str]) -> list[str]:
    """Return the names of networks, each once; "all" is every Keras application. Raises: NotFoundError."""
    if ALL in names:
        return [application.name for application in KERAS_APPLICATIONS]
    for name in names:
        registry.get_network(name)
    return list(dict.fromkeys(names))


def get(names: Sequence[str], told: Told) -> WeightsReport:
    """Download what networks lack, one after the other; one that fails does not keep the others from it.

    Raises: NotFoundError for an unknown network.
    """
    report: WeightsReport = {"available": [], "missing": []}
    for name in chosen(names):
        try:
            get_one(name, told)
            report["available"].append(name)
        except WeightsError as error:
            report["missing"].append(missing(name, error.detail))
    return report


def get_one(name: str, told: Told) -> None:
    """Download what a network lacks. Raises: NotFoundError; WeightsError where it cannot be had."""
    application = application_of(name)
    network = registry.get_network(name)
    if application is None:  # it came with a package, or is one of EXTRA_NETWORKS
        if network.unavailable_reason():
            network.fetch()
        return
    file = application.files[0]
    keras_applications.fetch(application, lambda done, total: told(file, done, total))


def missing(name: str, reason: str) -> MissingWeights:
    """Return which file a network lacks; without an address where it is none of Keras'."""
    application = application_of(name)
    file = application.files[0] if application else ""
    return {
        "model": name,
        "file": file,
        "url": application.address + file if application else "",
        "sha256": None,
        "md5": downloads.PUBLISHED_MD5.get(file),
        "folder": str(keras_applications.weights_folders()[-1]),
        "reason": reason,
    }


def downloadable() -> set[str]:
    """Return the names of the networks whose weights can be downloaded."""
    return {application.name for application in KERAS_APPLICATIONS}


def application_of(name: str) -> Application | None:
    """Return the Keras application of that name, None for another network."""
    return next((one for one in KERAS_APPLICATIONS if one.name == name), None)


def enqueue(name: str) -> Job:
    """Queue the download of a network's weights, or return the one under way. Raises: NotFoundError."""
    if application_of(name) is None:
        raise NotFoundError(f"The weights of {registry.get_network(name).title} come with the program.")
    running = Job.objects.filter(kind=job_kinds.WEIGHTS, state__in=Job.ACTIVE).order_by("pk")
    same = next((job for job in running if job.parameters == {"model": name}), None)
    return same or jobs.enqueue(job_kinds.WEIGHTS, None, model=name)


def weights_job(run: JobRun) -> WeightsResult:
    """Download the weights of one network; a second attempt goes on where the first broke off.

    Raises: WeightsError with what to do where they cannot be had.
    """
    name = str(run.job.parameters["model"])
    title = registry.get_network(name).title
    run.begin(0, f"Downloading the weights of {title}")

    def told(file: str, done: int, total: int) -> None:
        if total and run.job.total != total // MEGABYTE:
            run.begin(total // MEGABYTE, f"Downloading the weights of {title}, in MB", done=done // MEGABYTE)
        run.advance(done // MEGABYTE)

    get_one(name, told)
    return {"model": name}
