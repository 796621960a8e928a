"""Imports a folder or a zip of pictures as a dataset, and extracts their features."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any, TypedDict

from django.core.management.base import CommandParser

from gallery import jobs
from gallery.errors import SemsearchError
from gallery.ingest import datasets
from gallery.models import Dataset
from gallery.system.commands import ReportingCommand
from search import job_kinds
from search.embedding.work_units import without_embedding
from search.features import feature_specs


class ImportReport(TypedDict):
    """What of a report is always there; stages of the import and what ran the network come beside it."""

    dataset: str
    images: int
    duplicates: int
    failed: int
    seconds: float


class Command(ReportingCommand[dict[str, object]]):
    """`import_dataset PATH --name SLUG`."""

    examples = ("~/Pictures/birds --name birds", "birds.zip --name birds --no-extract --json")

    help = "Import a folder (one subfolder a category, or flat) or a zip of pictures."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the path and the dataset."""
        parser.add_argument("path", type=Path)
        parser.add_argument("--name", required=True, help="slug of the dataset, made when it is new")
        parser.add_argument("--no-extract", action="store_true", help="only store the pictures")

    def report(self, **options: Any) -> dict[str, object]:
        """Import and extract, then extract what was there before without features."""
        slug: str = options["name"]
        if not re.fullmatch(r"[-a-zA-Z0-9_]{1,80}", slug):
            raise SemsearchError("--name takes letters, digits, hyphens and underscores, at most 80.")
        path = options["path"].resolve()
        if not path.exists():
            raise SemsearchError(f"There is no folder or zip file at {path}.")
        started = time.perf_counter()
        known = Dataset.objects.filter(slug=slug).first()
        dataset = known or datasets.save(Dataset(slug=slug, name=slug))
        extract = not options["no_extract"]
        job = jobs.perform_now(jobs.IMPORT, dataset, path=str(path), announce=False, extract=extract)
        if extract and without_embedding(dataset, feature_specs.live_index(dataset).spec).exists():
            jobs.perform_now(job_kinds.EXTRACT, dataset)
        for failed in job.failed_files.all()[:20]:
            self.stderr.write(f"{failed.name}: {failed.reason}")
        return {"dataset": slug, **job.result, "seconds": round(time.perf_counter() - started, 2)}
