"""What experiments will take on this machine: time by those computed here before, disk by their layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypedDict

from django.db.models import Max

from gallery.models import Dataset, Job
from search import job_kinds
from search.experiments.jobs import Plan
from search.extractors.networks import registry
from search.extractors.pooling import pooled_dims
from search.models import Experiment

STORED_BYTES = 2  # of a number in a feature matrix, float16
LATEST = 5
# what an experiment takes beside the network: reading, decoding, ranking
BESIDE = 1.6


class Estimate(TypedDict):
    """What experiments will take; of networks never used here the time is not known."""

    images: int
    experiments: Annotated[int, "Layers, times poolings, times metrics, of all networks."]
    seconds: Annotated[float, "Of the networks that were measured on this machine."]
    bytes: Annotated[int, "On the disk, for the vectors."]
    unmeasured: Annotated[list[str], "Networks that nothing was computed with here yet."]


def estimate(dataset: Dataset, plans: Sequence[Plan]) -> Estimate:
    """Return what plans will take for a dataset, were nothing of them there. Raises: NotFoundError."""
    images = dataset.images.count()
    found: Estimate = {"images": images, "experiments": 0, "seconds": 0.0, "bytes": 0, "unmeasured": []}
    for plan in plans:
        layers = registry.get_network(plan.model).described()
        found["experiments"] += len(layers) * len(plan.poolings) * len(plan.metrics)
        numbers = sum(pooled_dims(name, layer.shape) for name in plan.poolings for layer in layers)
        found["bytes"] += numbers * STORED_BYTES * images
        cost = seconds_an_image(plan.model)
        if cost is None:
            found["unmeasured"].append(plan.model)
        else:
            found["seconds"] += cost * images * len(plan.poolings)
    found["seconds"] = round(found["seconds"], 1)
    return found


def seconds_an_image(model: str) -> float | None:
    """Return what experiments with a network have taken for an image of late; None where there were none."""
    if (measured := _of_jobs(model)) is not None:
        return measured
    slowest = Experiment.objects.filter(spec__model=model).aggregate(Max("extract_ms"))["extract_ms__max"]
    return slowest * BESIDE / 1000 if slowest else None


def _of_jobs(model: str) -> float | None:
    """Return the least of the latest jobs: the first of a network also converts it."""
    ended = Job.objects.filter(
        kind=job_kinds.EXPERIMENT,
        state=Job.State.SUCCEEDED,
        parameters__model=model,
        dataset__isnull=False,
        started_at__isnull=False,
        finished_at__isnull=False,
    ).select_related("dataset")
    rates = []
    for job in ended.order_by("-pk")[:LATEST]:
        images = job.dataset.images.count() if job.dataset else 0
        seconds = (
            (job.finished_at - job.started_at).total_seconds() if job.finished_at and job.started_at else 0
        )
        # one that found everything there says nothing
        if images and job.result.get("experiments"):
            rates.append(seconds / images / max(1, len(job.parameters.get("poolings", ()))))
    return min(rates, default=None)
