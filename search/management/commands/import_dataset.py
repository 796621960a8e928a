"""Imports a folder, an archive or an image as a dataset, and extracts the features of the images."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any, TypedDict

from django.core.management.base import CommandParser

from gallery import jobs
from gallery.errors import SemsearchError
from gallery.ingest import datasets, importing, labels
from gallery.models import Dataset, Job
from gallery.system.commands import ReportingCommand
from search import job_kinds
from search.embedding.work_units import without_embedding
from search.features import feature_specs

LISTED = 20  # files that could not be used, of which the job's page has all
PARTLY = 3  # the exit status when some of the files could not be used


class ImportReport(TypedDict):
    """What of a report is always there; stages of the import and what ran the network come beside it."""

    dataset: str
    images: int
    duplicates: int
    failed: int
    seconds: float


class Command(ReportingCommand[dict[str, object]]):
    """`import_dataset PATH --name SLUG`."""

    help = f"Import a folder, a zip, tar or tar.gz file, or a single image. {labels.RULE}"

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the path, the dataset and how the one is read into the other."""
        parser.add_argument("path", type=Path)
        parser.add_argument("--name", required=True, help="slug of the dataset, made when it is new")
        parser.add_argument("--no-extract", action="store_true", help="only store the images")
        parser.add_argument(
            "--labels",
            choices=labels.MODES,
            default=labels.NEAREST,
            help="which folder is the label: the nearest to the image, the first, the whole path, or none",
        )
        parser.add_argument(
            "--zip-encoding",
            default="",
            metavar="NAME",
            help="how the names in an old zip file are written, as cp850; found out without",
        )
        parser.add_argument(
            "--follow-links", action="store_true", help="read the files that symbolic links lead to"
        )

    def report(self, **options: Any) -> dict[str, object]:
        """Import and extract, then extract what was there before without features."""
        slug: str = options["name"]
        if not re.fullmatch(r"[-a-zA-Z0-9_]{1,80}", slug):
            raise SemsearchError("--name takes letters, digits, hyphens and underscores, at most 80.")
        path = options["path"].resolve()
        if not path.exists():
            raise SemsearchError(f"There is no folder, archive or image at {path}.")
        how = {name: options[name] for name in importing.HOW if options[name] not in ("", False)}
        if options["labels"] == labels.NEAREST:
            del how["labels"]
        started = time.perf_counter()
        for line in importing.preview(path, how):
            self.stderr.write(line)
        job = self._import(slug, extract=not options["no_extract"], path=str(path), **how)
        seconds = round(time.perf_counter() - started, 2)
        self._status = PARTLY if job.failed_count else 0
        return {"dataset": slug, **job.result, "seconds": seconds}

    def handle(self, *args: Any, **options: Any) -> None:
        """Import; the exit status tells whether some of the files could not be used."""
        self._status = 0
        super().handle(*args, **options)
        if self._status:
            sys.exit(self._status)

    def _import(self, slug: str, *, extract: bool, **parameters: Any) -> Job:
        known = Dataset.objects.filter(slug=slug).first()
        dataset = known or datasets.save(Dataset(slug=slug, name=slug))
        try:
            job = jobs.perform_now(jobs.IMPORT, dataset, announce=False, extract=extract, **parameters)
        except SemsearchError:
            self._list_failed(Job.objects.filter(dataset=dataset, kind=jobs.IMPORT).first())
            if known is None:
                importing.drop_if_empty(dataset)
            raise
        if extract and without_embedding(dataset, feature_specs.live_index(dataset).spec).exists():
            jobs.perform_now(job_kinds.EXTRACT, dataset)
        self._list_failed(job)
        return job

    def _list_failed(self, job: Job | None) -> None:
        """Name the first files that could not be used, and how many there are of each kind."""
        if job is None:
            return
        for failed in job.failed_files.exclude(code="duplicate")[:LISTED]:
            self.stderr.write(f"{failed.name}: {failed.reason}")
        for kind, count in job.result.get("reasons", {}).items():
            self.stderr.write(f"{count:,} × {kind}")
        for kind, count in job.result.get("left_out", {}).items():
            self.stderr.write(f"left out: {count:,} {kind}")
