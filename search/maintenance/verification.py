"""Compares pictures, embeddings, indexes and stored files, and mends what does not agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
from django.core.files.storage import default_storage

from gallery import jobs
from gallery.browse import renditions
from gallery.errors import IndexDamagedError
from gallery.ingest import removal
from gallery.models import Dataset, DerivedFile, Image
from search import job_kinds
from search.embedding.work_units import without_embedding
from search.features import feature_specs
from search.indexing import builds, database_vectors, snapshots
from search.indexing.backends import backend
from search.models import SearchIndex
from search.stored_folders import FEATURE_MAPS
from search.types import Ids

IMAGE_FOLDERS = ("images", "thumbnails")


class VerificationReport(TypedDict):
    """What was counted, and whether everything agrees."""

    images: int
    embeddings: int
    indexed: int
    orphans: int
    missing: int
    ok: bool


@dataclass
class Verification:
    """What was counted and what is wrong.

    `orphans` are things nothing stands behind any more: indexed ids without an embedding, stored files
    without an image. `missing` are things that should be there: files, embeddings, indexed ids.
    """

    images: int = 0
    embeddings: int = 0
    indexed: int = 0
    orphans: int = 0
    missing: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything agrees."""
        return not self.problems

    def as_report(self) -> VerificationReport:
        """Return the counts as plain values."""
        return {
            "images": self.images,
            "embeddings": self.embeddings,
            "indexed": self.indexed,
            "orphans": self.orphans,
            "missing": self.missing,
            "ok": self.ok,
        }


def verify() -> Verification:
    """Compare everything; changes nothing."""
    found = Verification()
    lost, strays = _files()
    if lost:
        found.missing += len(lost)
        found.problems += [f"The stored file of image {pk} is gone." for pk in lost]
    if strays:
        found.orphans += len(strays)
        found.problems += [f"The stored file {name} belongs to no image." for name in strays]
    found.images = Image.objects.count()
    for dataset in Dataset.objects.order_by("pk"):
        _compare(dataset, found)
    return found


def repair() -> Iterator[str]:
    """Mend what `verify` finds and say what was done; pictures whose file is gone are removed."""
    lost, strays = _files()
    if lost:
        removal.remove_images(lost)
        yield f"Removed {len(lost)} images whose file is gone."
    for name in strays:
        default_storage.delete(name)
    if strays:
        yield f"Removed {len(strays)} files that belong to no image."
    for dataset in Dataset.objects.order_by("pk"):
        index = feature_specs.live_index(dataset)
        missing = without_embedding(dataset, index.spec).count()
        if missing:
            jobs.perform_now(job_kinds.EXTRACT, dataset)
            yield f"Extracted the features of {missing} images of {dataset.name}."
        if _state(index)[2]:
            builds.rebuild(index)
            yield f"Rebuilt the index of {dataset.name}."
    snapshots.forget()


def _compare(dataset: Dataset, found: Verification) -> None:
    index = feature_specs.live_index(dataset)
    index.refresh_from_db()
    without = without_embedding(dataset, index.spec).count()
    if without:
        found.missing += without
        found.problems.append(f"{without} images of {dataset.name} have no features.")
    held, stored, problem = _state(index)
    found.embeddings += len(stored)
    found.indexed += int(np.isin(held, stored).sum())
    orphans = int((~np.isin(held, stored)).sum())
    lacking = int((~np.isin(stored, held)).sum())
    found.orphans += orphans
    found.missing += lacking
    if problem:
        found.problems.append(problem)


def _state(index: SearchIndex) -> tuple[Ids, Ids, str]:
    """Return the ids that can be found, the ids stored, and what is wrong ("" for nothing)."""
    stored = np.fromiter(
        database_vectors.embeddings(index).order_by("pk").values_list("pk", flat=True).iterator(),
        dtype=np.int64,
    )
    try:
        backend().open_current(index.store_name)
    except IndexDamagedError as error:
        return stored[:0], stored, error.detail
    snapshots.forget()
    live = snapshots.searchable(index)
    generation = live.generation.ids if live.generation is not None else stored[:0]
    candidates = np.union1d(generation, live.delta_ids)
    held = candidates[live.known(candidates)]
    if np.array_equal(held, stored):
        return held, stored, ""
    return (
        held,
        stored,
        f"{index} finds {len(held)} vectors, the database has {len(stored)}; run rebuild_index.",
    )


def _files() -> tuple[list[int], list[str]]:
    """Return the images whose file is gone, and the stored files that belong to no image.

    A derived file that is gone is made again when somebody asks for it: nothing is lost.
    """
    present = {name for folder in IMAGE_FOLDERS for name in _walk(folder)}
    lost: list[int] = []
    rows = Image.objects.order_by("pk").values_list("pk", "file", "thumbnail").iterator(2000)
    for pk, *names in rows:
        if any(name not in present for name in names):
            lost.append(pk)
        present.difference_update(names)
    derived = {name for folder in (FEATURE_MAPS, renditions.FOLDER) for name in _walk(folder)}
    derived.difference_update(DerivedFile.objects.values_list("file", flat=True).iterator(2000))
    return lost, sorted(present | derived)


def _walk(folder: str) -> Iterator[str]:
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in files:
        yield f"{folder}/{name}"
    for name in folders:
        yield from _walk(f"{folder}/{name}")
