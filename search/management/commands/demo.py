"""Prepares the sample data where it is missing, then serves the site."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from gallery import jobs
from gallery.models import Dataset, Job
from search.embedding import jobs as extraction_jobs
from search.experiments import jobs as experiment_jobs
from search.features import feature_specs
from search.maps import jobs as map_jobs

SAMPLES = ("objects200", "clipart200")


class Command(BaseCommand):
    """`demo`."""

    help = "Migrate, import and index the sample datasets unless they are there, then serve."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what is missing, also after a run that was interrupted, then serve."""
        call_command("migrate", verbosity=0, interactive=False)
        for name in SAMPLES:
            self._prepare(name)
        waiting = self._left()
        if waiting:
            self.stdout.write(
                f"{waiting} jobs compute experiments and maps while the site serves: see /jobs/"
            )
        call_command("serve")

    def _left(self) -> int:
        """Leave what takes minutes to the worker, the experiments first; returns how many jobs."""
        datasets = list(Dataset.objects.filter(slug__in=SAMPLES))
        waiting = [job for dataset in datasets for job in experiment_jobs.enqueue(dataset, create=jobs.leave)]
        for plan in map_jobs.plans():
            for dataset in datasets:
                waiting += map_jobs.enqueue(dataset, [plan], create=jobs.leave)
        return len(waiting)

    def _prepare(self, name: str) -> None:
        finished = Job.objects.filter(
            dataset__slug=name, kind=Job.Kind.IMPORT, state=Job.State.SUCCEEDED, dataset__images__isnull=False
        )
        if not finished.exists():
            self.stdout.write(f"Importing {name} and extracting its features")
            call_command("import_dataset", settings.BASE_DIR / "sample_data" / name, name=name)
        dataset = Dataset.objects.get(slug=name)
        index = feature_specs.live_index(dataset)
        if extraction_jobs.without_embedding(dataset, index.spec).exists():
            self.stdout.write(f"Extracting the features of {name}")
            call_command("extract_features", dataset=name)
        if index.published is None:
            self.stdout.write(f"Building the index of {name}")
            call_command("rebuild_index", dataset=name)
