"""Extracts the features that are missing."""

from __future__ import annotations

import time
from typing import Any, TypedDict

from django.core.management.base import CommandParser

from gallery import jobs
from gallery.access import audit
from gallery.models import Dataset, Job
from gallery.system.commands import DONE, PARTLY, ReportingCommand, datasets_named, undeleted
from search import job_kinds
from search.features import feature_specs
from search.models import FeatureSpec


class ExtractionReport(TypedDict):
    """How many embeddings were made, of how many images not, and how fast."""

    embeddings: int
    failed: int
    images_per_s: float
    seconds: float


class Command(ReportingCommand[ExtractionReport]):
    """`extract_features [--dataset SLUG] [--model M --layer L --pooling P]`."""

    help = "Extract the features of every image that lacks them."
    examples = (
        "--dataset birds",
        "--dataset birds --model squeezenet --layer top --pooling average --json",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the dataset and the configuration."""
        parser.add_argument("--dataset", help="slug of a dataset; default: all")
        add_configuration(parser)

    def status_of(self, report: ExtractionReport) -> int:
        """Say that images failed."""
        return PARTLY if report["failed"] else DONE

    def report(self, **options: Any) -> ExtractionReport:
        """Run one extraction job a dataset."""
        started = time.perf_counter()
        config = feature_specs.config_named(options["model"], options["layer"], options["pooling"])
        spec = {"spec": FeatureSpec.objects.for_config(config).pk} if config else {}

        def extracted(dataset: Dataset) -> Job:
            audit.record("features.extract", dataset, **spec)
            return jobs.perform_now(job_kinds.EXTRACT, dataset, **spec)

        results = [job.result for job in undeleted(datasets_named(options["dataset"]), extracted)]
        seconds = time.perf_counter() - started
        embeddings = sum(result["embeddings"] for result in results)
        return {
            "embeddings": embeddings,
            "failed": sum(result["failed"] for result in results),
            "images_per_s": round(embeddings / seconds, 1),
            "seconds": round(seconds, 2),
        }


def add_configuration(parser: CommandParser) -> None:
    """Add the options that name a feature configuration; none of them means the live one."""
    parser.add_argument("--model", help="network, as efficientnet-lite0")
    parser.add_argument("--layer", help="layer; top is the last one")
    parser.add_argument("--pooling", help="average, max, gem, pyramid or flatten")
