"""Prepares the sample data where it is missing, then serves the site."""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import StringIO
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from gallery import jobs
from gallery.ingest import datasets
from gallery.models import Dataset, Job
from gallery.system.commands import SETTINGS
from gallery.system.home import upgrades
from gallery.system.home.home_folder import close_to_others
from gallery.system.home.shipped_files import shipped
from search.embedding.work_units import without_embedding
from search.experiments import jobs as experiment_jobs
from search.features import feature_specs
from search.management.commands.import_dataset import ImportReport
from search.maps import jobs as map_jobs

NEXT_STEP = "Next: open /live/ there and drop an image on it; to add your own, sign in, then /admin/."


@dataclass(frozen=True)
class Sample:
    """A dataset that comes with the program: its folder and slug, its name, what it holds and is hard at."""

    slug: str
    name: str
    description: str


# pages list datasets by name: the photographs are the first impression
SAMPLES = (
    Sample(
        "photos200",
        "All kinds of photos",
        "249 photographs. The page of each names its author, its licence and where it comes from. "
        "What is hard: towers, monuments, castles, churches and ruins are categories of their own.",
    ),
    Sample(
        "objects200",
        "Cut-out objects",
        "197 photographed objects from Tux Paint (GPL-2.0-or-later). "
        "What is hard: coins, planets and many fruits are all round, and three categories are mammals.",
    ),
    Sample(
        "clipart200",
        "Clip art",
        "203 drawings from Openclipart (public domain). "
        "What is hard: a category mixes outlines, flat colours and shaded drawings.",
    ),
)


def create(sample: Sample) -> None:
    """Store the dataset of a sample, without images, unless it is there."""
    if not Dataset.objects.filter(slug=sample.slug).exists():
        datasets.save(Dataset(slug=sample.slug, name=sample.name, description=sample.description))


class Command(BaseCommand):
    """`demo`."""

    # it closes the home to others first
    needs_home = False
    requires_system_checks = (SETTINGS,)
    help = "Migrate, import and index the sample datasets unless they are there, then serve."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what is missing, also after a run that was interrupted, then serve."""
        close_to_others(settings.SEMSEARCH_HOME, settings.HOME_MODE, self._say)
        upgrades.bring_up_to_date(self._say)
        for sample in SAMPLES:
            self._prepare(sample)
        waiting = self._left()
        if waiting:
            self._say(f"{waiting} jobs compute experiments and maps while the site serves: see /jobs/")
        call_command("serve", next_step=NEXT_STEP)

    def _left(self) -> int:
        """Leave what takes minutes to the worker, the experiments first; returns how many jobs."""
        samples = [Dataset.objects.get(slug=sample.slug) for sample in SAMPLES]
        leave = jobs.enqueue_for_startup
        waiting: list[Job] = []
        for dataset in samples:
            waiting += experiment_jobs.enqueue(dataset, experiment_jobs.plans(), create=leave)
        for plan in map_jobs.plans():
            for dataset in samples:
                waiting += map_jobs.enqueue(dataset, [plan], create=leave)
        return len(waiting)

    def _prepare(self, sample: Sample) -> None:
        name = sample.slug
        finished = Job.objects.filter(
            dataset__slug=name, kind=jobs.IMPORT, state=Job.State.SUCCEEDED, dataset__images__isnull=False
        )
        if not finished.exists():
            first = not (settings.CACHE_ROOT / "models").exists()
            longer = "; the first time also prepares the network, about a minute" if first else ""
            self._say(f"Importing {name} and extracting its features{longer}")
            folder = shipped("sample_data") / name
            create(sample)
            done: ImportReport = json.loads(self._reported("import_dataset", folder, name=name))
            self._say(f"  {done['images']} images in {done['seconds']:.0f} s, {done['failed']} failed")
        dataset = Dataset.objects.get(slug=name)
        index = feature_specs.live_index(dataset)
        if without_embedding(dataset, index.spec).exists():
            self._say(f"Extracting the features of {name}")
            self._reported("extract_features", dataset=name)
        if index.published is None:
            self._say(f"Building the index of {name}")
            self._reported("rebuild_index", dataset=name)

    def _say(self, words: str) -> None:
        """Tell what is done now, at once also where the output is no terminal."""
        self.stdout.write(words)
        self.stdout.flush()

    def _reported(self, command: str, *words: Any, **options: Any) -> str:
        """Run a command and return its report in JSON instead of printing it."""
        out = StringIO()
        call_command(command, *words, json=True, stdout=out, **options)
        return out.getvalue().splitlines()[-1]
