"""Tunes the search of a dataset to its categories, and says what that gains."""

from __future__ import annotations

from typing import Any, TypedDict

from django.core.management.base import CommandParser

from gallery import jobs
from gallery.system.commands import ReportingCommand, datasets_named
from search import job_kinds
from search.experiments.tuning import tuning_jobs
from search.types import FeatureConfigValues


class TuningReport(TypedDict):
    """What was tuned, and the weighted precision with and without in percent, both cross-validated."""

    config: FeatureConfigValues
    categories: int
    labels: int
    weighted_precision: float
    weighted_precision_before: float
    offered: bool


class Command(ReportingCommand[TuningReport]):
    """`tune SLUG`."""

    help = (
        "Learn from the labels of a dataset what tells its categories apart, and measure what that gains on "
        "images that were not learned from. Where it gains beyond noise it is offered: switch to it with "
        "`promote SLUG --tuned`, and back with `promote SLUG --back`."
    )
    examples = ("birds", "birds --json")

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the dataset."""
        parser.add_argument("dataset", help="slug of the dataset")

    def report(self, **options: Any) -> TuningReport:
        """Measure and learn in this process."""
        dataset = datasets_named(options["dataset"])[0]
        done = jobs.perform_now(job_kinds.TUNE, dataset).result
        row = tuning_jobs.latest(dataset)
        assert row is not None
        return {
            "config": (row.spec or row.base).config.as_values(),
            "categories": done["categories"],
            "labels": done["labels"],
            "weighted_precision": done["weighted_precision"],
            "weighted_precision_before": done["weighted_precision_before"],
            "offered": done["offered"],
        }
