"""Imports a folder, an archive or an image as a dataset, and extracts the features of the images."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict

from django.core.management.base import CommandParser

from gallery import jobs
from gallery.errors import SemsearchError
from gallery.ingest import datasets, importing, planning, watching
from gallery.ingest.sources import labels
from gallery.models import Dataset, Job
from gallery.system.commands import DONE, PARTLY, ReportingCommand
from search import job_kinds
from search.embedding.work_units import without_embedding
from search.features import feature_specs

PLANNED = 100  # steps of a dry run that are named
LISTED = 20  # files that could not be used, of which the job's page has all


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
    examples = (
        "~/Pictures/birds --name birds",
        "birds.zip --name birds --labels path --zip-encoding cp850 --no-extract --json",
        "~/Pictures/birds --name birds --prune --dry-run",
        "/mnt/nas/birds --name birds --follow-links --watch",
    )
    files_failed = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the path, the dataset and how the one is read into the other."""
        parser.add_argument("path", type=Path, help="the folder, archive or image")
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
        parser.add_argument(
            "--prune",
            action="store_true",
            help="remove the images whose files are gone from PATH since it was imported last",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only say what would be added, moved, replaced and removed"
        )
        parser.add_argument(
            "--watch", action="store_true", help="import a folder again whenever it changes, until Ctrl-C"
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
        if options["dry_run"]:
            return self._plan(slug, path, how, prune=options["prune"])
        if options["prune"]:
            how["prune"] = True
        if not options["watch"]:
            return self._once(slug, path, how, extract=not options["no_extract"])
        if not path.is_dir():
            raise SemsearchError("--watch takes a folder.")
        return self._watch(slug, path, how, extract=not options["no_extract"])

    def _once(self, slug: str, path: Path, how: dict[str, Any], *, extract: bool) -> dict[str, object]:
        """Import once; returns the report."""
        started = time.perf_counter()
        for line in importing.preview(path, how):
            self.stderr.write(line)
        job = self._import(slug, extract=extract, path=str(path), **how)
        self.files_failed = bool(job.failed_count)
        return {"dataset": slug, **job.result, "seconds": round(time.perf_counter() - started, 2)}

    def _watch(self, slug: str, path: Path, how: dict[str, Any], *, extract: bool) -> dict[str, object]:
        """Import now and after every change; returns the report of the last import."""
        report: dict[str, object] = {"dataset": slug, "images": 0, "duplicates": 0, "failed": 0, "seconds": 0}
        with suppress(KeyboardInterrupt):
            for _ in watching.changes(path):
                try:
                    report = self._once(slug, path, how, extract=extract)
                    self.stderr.write(f"{report['images']} new images. Watching {path}; Ctrl-C ends it.")
                except SemsearchError as error:
                    self.stderr.write(str(error))
        return report

    def _plan(self, slug: str, path: Path, how: dict[str, Any], *, prune: bool) -> dict[str, object]:
        """Say what an import would do."""
        started = time.perf_counter()
        for line in importing.preview(path, how):
            self.stderr.write(line)
        known = Dataset.objects.filter(slug=slug).first()
        planned = importing.plan_import(known, path, how, prune=prune)
        for what, name in planned.steps[:PLANNED]:
            self.stderr.write(f"would {what} {name}")
        counts = dict(planned.counts)
        images = counts.get(planning.ADD, 0) + counts.get(planning.REPLACE, 0)
        return {
            "dataset": slug,
            "images": images,
            "duplicates": sum(counts.get(what, 0) for what in planning.THERE),
            "failed": counts.get(planning.FAIL, 0),
            "would": counts,
            "seconds": round(time.perf_counter() - started, 2),
        }

    def status_of(self, report: dict[str, object]) -> int:
        """Say that some of the files could not be used."""
        return PARTLY if self.files_failed else DONE

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
