"""Indexes the parts of the images of a dataset, so that searches look inside of them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from gallery import jobs
from gallery.system.commands import DONE, PARTLY, ReportingCommand, datasets_named
from search import job_kinds
from search.embedding import part_jobs
from search.features import feature_specs, part_specs


class PartsReport(part_jobs.PartsAnswer):
    """How it is now; `failed` images could not be read."""

    dataset: str
    failed: int


class Command(ReportingCommand[PartsReport]):
    """`index_parts SLUG [--estimate | --remove]`."""

    help = (
        "Index the halves and quarters of the images of a dataset as well: its searches then find what is "
        "only a part of an image, and say where. With --estimate say only what that takes."
    )
    examples = ("birds --estimate", "birds", "birds --remove --json")

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the dataset, and what to do."""
        parser.add_argument("dataset", help="slug of the dataset")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--estimate", action="store_true", help="change nothing")
        what.add_argument("--remove", action="store_true", help="forget the parts again")

    def status_of(self, report: PartsReport) -> int:
        """Say that images failed."""
        return PARTLY if report["failed"] else DONE

    def report(self, **options: Any) -> PartsReport:
        """Index in this process. Raises: NotFoundError; NoPartsError, NoMapError."""
        dataset, failed = datasets_named(options["dataset"])[0], 0
        if options["remove"]:
            jobs.perform_now(job_kinds.PARTS, dataset, remove=True)
        elif not options["estimate"]:
            part_specs.require_parts(feature_specs.live_index(dataset).spec)
            failed = int(jobs.perform_now(job_kinds.PARTS, dataset).result["failed"])
        return {"dataset": dataset.slug, "failed": failed, **part_jobs.parts_answer(dataset)}

    def show(self, report: PartsReport) -> None:
        """Print it in two lines."""
        name, seconds = report["dataset"], report["seconds"]
        if report["active"]:
            self.stdout.write(
                f"{name}: parts of {report['indexed']:,} of {report['images']:,} images indexed."
            )
        else:
            self.stdout.write(f"{name}: parts are not indexed.")
        takes = "not measured yet" if seconds is None else f"{seconds:,.0f} s for what is missing"
        size = report["bytes"] / 1e6
        self.stdout.write(f"All are {report['rows']:,} vectors, about {size:,.1f} MB; time: {takes}.")
