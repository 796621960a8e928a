"""Deletes and restores by chance, beside jobs of every kind, and looks for anything half done."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, models
from django.utils import timezone

from gallery import jobs
from gallery.browse import bin_contents
from gallery.counts import counting
from gallery.errors import NotFoundError
from gallery.ingest import datasets, single_image
from gallery.ingest.removals import bin, dataset_removal, removal
from gallery.ingest.storing import DuplicateError
from gallery.jobs.queueing import due_jobs
from gallery.models import Dataset, Job
from gallery.system.open_datasets import DatasetClosedError
from search import job_kinds
from search.experiments import jobs as experiment_jobs
from search.experiments import promotion
from search.features import feature_specs
from search.maintenance import verification
from search.maps import jobs as map_jobs
from search.models import Experiment, SearchIndex
from tests.conftest import image_bytes

WORKERS = 3
DATASETS = 3
IMAGES = 16
# how many of the deletions are of a dataset, and seconds between two of them at most
OF_A_DATASET = 0.1
PAUSE_S = 0.15
OF_THE_BIN = 0.2  # after how many of them somebody looks through it
NETWORK = "colour-histogram"
# what a request is told where somebody else deleted what it is about
EXPECTED = (
    DatasetClosedError,
    NotFoundError,
    DuplicateError,
    promotion.NotPromotableError,
    map_jobs.NothingToProjectError,
    Dataset.DoesNotExist,
)
FOLDERS = ("images", "thumbnails", "atlases", "features", "projections", "feature-maps", "uploads")


def lay_out(folder: Path) -> Path:
    """Write a folder of small images in four categories; returns it."""
    for number in range(IMAGES):
        file = folder / f"category{number % 4}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(image_bytes(number))
    return folder


@dataclass
class Deletions:
    """So many deletions, drawn from a seed, beside workers that do what others ask for."""

    seed: int
    deletions: int
    folder: Path
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    made: list[int] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Do it all, and the jobs that are left; what went wrong is in `wrong`."""
        for number in range(DATASETS):
            self._new_dataset(f"at-first-{number}")
        drain()
        for dataset in Dataset.objects.all():
            _experiments(dataset)
        drain()
        for dataset in Dataset.objects.all():
            _promotion(dataset)  # later there may be no experiment that is still up to date
        with ThreadPoolExecutor(WORKERS + 3) as pool:
            others = [pool.submit(self._guarded, self._work) for _ in range(WORKERS)]
            others += [pool.submit(self._guarded, self._ask), pool.submit(self._guarded, self._add)]
            pool.submit(self._guarded, self._delete).result()
            self._over.set()
            for other in others:
                other.result()
        bin.empty(everything=True)
        self.ended.update(drain())
        self.wrong += [f"{kind} {state}" for kind, state in self.ended if state == Job.State.FAILED]

    @property
    def gone(self) -> list[int]:
        """Return the datasets that are removed for good."""
        left = set(Dataset.everything.values_list("pk", flat=True))
        return [pk for pk in self.made if pk not in left]

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException:
            self.wrong.append(traceback.format_exc())
            self._over.set()
        finally:
            connection.close()

    def _new_dataset(self, slug: str) -> None:
        dataset = datasets.save(Dataset(slug=slug, name=slug))
        self.made.append(dataset.pk)
        jobs.enqueue(jobs.IMPORT, dataset, path=str(self.folder))

    def _work(self) -> None:
        """Do the jobs that come, as a worker does."""
        while not self._over.is_set():
            job = one_job(self.ended)
            if job is None:
                time.sleep(0.01)
            elif job.state == Job.State.FAILED:
                self.wrong.append(f"{job}: {job.error}")

    def _ask(self) -> None:
        """Ask for jobs of every kind, again and again."""
        drawn = random.Random(self.seed + 1)
        asked = (_experiments, _maps, _promotion, _extraction, _build, self._import)
        while not self._over.is_set():
            with expected():
                drawn.choice(asked)(_some_dataset(drawn))
            time.sleep(0.02)

    def _import(self, dataset: Dataset) -> None:
        jobs.enqueue(jobs.IMPORT, dataset, path=str(self.folder))

    def _add(self) -> None:
        """Add images and change their labels, one after the other."""
        drawn = random.Random(self.seed + 2)
        number = 1000
        while not self._over.is_set():
            number += 1
            with expected():
                dataset = _some_dataset(drawn)
                added = single_image.add_image(dataset, f"{number}.png", image_bytes(number), "added")
                datasets.label(added.image, "labelled")

    def _delete(self) -> None:
        """Delete images, and now and then a dataset, which another takes the place of; restore some."""
        drawn = random.Random(self.seed)
        for number in range(self.deletions):
            if self._over.is_set():
                return
            with expected():
                dataset = _some_dataset(drawn)
                for_good = number == self.deletions // 2  # once at least, whatever is drawn
                if for_good or drawn.random() < OF_A_DATASET:
                    ways = (dataset_removal.begin_removal, bin.delete_dataset)
                    (ways[0] if for_good else drawn.choice(ways))(dataset)
                    self._new_dataset(f"instead-{number}")
                else:
                    ids = list(dataset.images.values_list("pk", flat=True))
                    some = drawn.sample(ids, min(len(ids), drawn.choice((1, 1, 2, 5))))
                    drawn.choice((removal.remove_images, bin.delete_images))(some)
                if drawn.random() < OF_THE_BIN:
                    _sort_out(drawn)
            time.sleep(drawn.random() * PAUSE_S)


def _sort_out(drawn: random.Random) -> None:
    """Restore half of the images in the bin and a dataset, or remove them for good."""
    ids = list(bin_contents.binned_images().values_list("pk", flat=True))
    drawn.choice((bin.restore_images, bin.purge_images))(drawn.sample(ids, len(ids) // 2))
    if found := list(Dataset.everything.in_bin().order_by("pk").values_list("pk", flat=True)):
        drawn.choice((bin.restore_dataset, bin.purge_dataset))(drawn.choice(found))


def one_job(ended: Counter[tuple[str, str]]) -> Job | None:
    """Do a job that waits, if there is one, and count how it ended; an error is not tried again."""
    waiting = list(due_jobs(timezone.now()).order_by("?").values_list("pk", flat=True)[:1])
    job = jobs.perform(waiting[0]) if waiting else None
    if job is not None:
        ended[job.kind, job.state] += 1
    return job


def drain() -> Counter[tuple[str, str]]:
    """Do all jobs that wait."""
    ended: Counter[tuple[str, str]] = Counter()
    while Job.objects.filter(state=Job.State.QUEUED).exists():
        one_job(ended)
    return ended


@contextmanager
def expected() -> Iterator[None]:
    """Pass over what somebody is told whose dataset or image was deleted meanwhile."""
    with suppress(*EXPECTED):
        yield


def _some_dataset(drawn: random.Random) -> Dataset:
    rows = list(Dataset.objects.order_by("pk"))
    if not rows:
        raise NotFoundError("There is no dataset now.")
    return drawn.choice(rows)


def _experiments(dataset: Dataset) -> None:
    experiment_jobs.enqueue(dataset, experiment_jobs.plans((NETWORK,)))


def _maps(dataset: Dataset) -> None:
    map_jobs.enqueue(dataset, map_jobs.plans(("pca",), (NETWORK,)))


def _promotion(dataset: Dataset) -> None:
    best = (
        Experiment.objects.filter(dataset=dataset, metric="cosine").select_related("dataset", "spec").first()
    )
    other = SearchIndex.objects.filter(dataset=dataset, live=False).select_related("dataset", "spec").first()
    if other is not None:
        promotion.enqueue_index(other)
    elif best is not None:
        promotion.enqueue(best)


def _extraction(dataset: Dataset) -> None:
    jobs.enqueue(job_kinds.EXTRACT, dataset)


def _build(dataset: Dataset) -> None:
    jobs.enqueue(job_kinds.INDEX, dataset, index=feature_specs.live_index(dataset).pk)


def left_of(dataset_ids: list[int]) -> list[str]:
    """Return every row, file and index of these datasets that is still there."""
    found = []
    for model in apps.get_models():
        for row_field in model._meta.concrete_fields:
            if isinstance(row_field, models.ForeignKey) and row_field.related_model is Dataset:
                rows = model._base_manager.filter(**{f"{row_field.name}__in": dataset_ids})
                found += [f"{model.__name__} {row.pk}" for row in rows]
    found += [
        f"dataset {pk}" for pk in Dataset.everything.filter(pk__in=dataset_ids).values_list("pk", flat=True)
    ]
    for pk in dataset_ids:
        found += [name for folder in FOLDERS for name in stored(f"{folder}/{pk}")]
        found += [str(path) for path in Path(settings.INDEX_ROOT).glob(f"{pk}-*")]
    return found


def disagreements() -> list[str]:
    """Return what does not agree: files without rows, counts, indexes, rows without files."""
    pointed_at: set[str] = set()
    for model in apps.get_models():
        for row_field in model._meta.concrete_fields:
            if isinstance(row_field, models.FileField):
                pointed_at |= set(model._base_manager.values_list(row_field.name, flat=True))
    there = {name for folder in FOLDERS for name in stored(folder)}
    found = [f"{name} belongs to nothing" for name in sorted(there - pointed_at)]
    found += [f"{name} is gone" for name in sorted(pointed_at - there)]
    if counting.stored_counts() != counting.computed_counts():
        found.append("the counts of images are wrong")
    return found + verification.verify().problems


def stored(folder: str) -> list[str]:
    """Return the names of all files below a folder of the storage."""
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return []
    below = [name for inner in folders for name in stored(f"{folder}/{inner}")]
    return below + [f"{folder}/{name}" for name in files]
