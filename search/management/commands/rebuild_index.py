"""Rebuilds indexes from the embeddings in the database; needs no network."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, TypedDict

from django.core.management.base import CommandParser

from gallery import jobs
from gallery.errors import NothingIndexedError
from gallery.system.commands import ReportingCommand, datasets_named, undeleted
from search import job_kinds
from search.models import IndexBuild


class IndexReport(TypedDict):
    """The live generation that was built last, and the figures over all."""

    generation: str
    count: int
    factory: str
    recall_at_10: float
    bytes_per_vector: float
    seconds: float


class Command(ReportingCommand[IndexReport]):
    """`rebuild_index [--dataset SLUG]`."""

    help = "Build and publish the next generation of every index, or of one dataset's."
    examples = (
        "",
        "--dataset birds --json",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the dataset."""
        parser.add_argument("--dataset", help="slug of a dataset; default: all")

    def report(self, **options: Any) -> IndexReport:
        """Build and report the live generation, or the sums over all."""
        started = time.perf_counter()
        built = undeleted(datasets_named(options["dataset"]), partial(jobs.perform_now, job_kinds.INDEX))
        ids = [pk for job in built for pk in job.result["builds"]]
        builds = list(IndexBuild.objects.filter(pk__in=ids, index__live=True).order_by("pk"))
        if not builds:
            raise NothingIndexedError("There are no features to index yet: run extract_features first.")
        manifests = [build.manifest for build in builds]
        count = sum(manifest["count"] for manifest in manifests)
        return {
            "generation": builds[-1].generation,
            "count": count,
            "factory": ", ".join(dict.fromkeys(manifest["factory"] for manifest in manifests)),
            "recall_at_10": min(manifest["recall_at_10"] for manifest in manifests),
            "bytes_per_vector": round(
                sum(manifest["bytes_per_vector"] * manifest["count"] for manifest in manifests)
                / max(count, 1),
                1,
            ),
            "seconds": round(time.perf_counter() - started, 2),
        }
