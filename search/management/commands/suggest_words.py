"""Looks for words in images that have none, and says how far they can be trusted."""

from __future__ import annotations

import time
from typing import Any, TypedDict

from django.core.management.base import CommandParser

from gallery import jobs
from gallery.access import audit
from gallery.models import Dataset, Job
from gallery.system.commands import DONE, PARTLY, ReportingCommand, datasets_named, undeleted
from gallery.words import suggestions
from search import job_kinds
from search.words.coverage import CoverageAnswer, coverage


class WordsReport(TypedDict):
    """In how many images words were looked for, and how far they reach in each dataset."""

    images: int
    failed: int
    seconds: float
    coverage: dict[str, CoverageAnswer]


class Command(ReportingCommand[WordsReport]):
    """`suggest_words [--dataset SLUG] [--again]`."""

    help = (
        "Look for words in the images in which nobody did yet. Those that are added later get theirs with "
        "their features."
    )
    examples = ("--dataset birds", "--dataset birds --again --json")

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the dataset."""
        parser.add_argument("--dataset", help="slug of a dataset; default: all")
        parser.add_argument(
            "--again",
            action="store_true",
            help="forget first what was seen; what people took or removed stays so",
        )

    def status_of(self, report: WordsReport) -> int:
        """Say that images failed."""
        return PARTLY if report["failed"] else DONE

    def report(self, **options: Any) -> WordsReport:
        """Run one job a dataset."""
        started = time.perf_counter()
        datasets = datasets_named(options["dataset"])

        def looked(dataset: Dataset) -> Job:
            audit.record("words.look", dataset, again=options["again"])
            if options["again"]:
                suggestions.forget(dataset)
            return jobs.perform_now(job_kinds.WORDS, dataset)

        results = [job.result for job in undeleted(datasets, looked)]
        return {
            "images": sum(result["images"] for result in results),
            "failed": sum(result["failed"] for result in results),
            "seconds": round(time.perf_counter() - started, 2),
            "coverage": {dataset.slug: coverage(dataset) for dataset in datasets},
        }

    def show(self, report: WordsReport) -> None:
        """Print a line a dataset."""
        self.stdout.write(f"{report['images']} images in {report['seconds']} s")
        for slug, found in report["coverage"].items():
            right = (
                "" if found["precision"] is None else f", {found['precision']:.0%} of {found['judged']} right"
            )
            self.stdout.write(
                f"{slug}: {found['coverage'] or 0:.0%} of {found['looked_at']} have a suggested word{right}"
            )
