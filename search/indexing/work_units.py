"""Fills a large index with whoever assists: parts of it are work units of the job that builds it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from django.conf import settings

from gallery.errors import NotFoundError
from gallery.jobs import JobRun, JobStoppedError, coordination
from gallery.jobs.work_units import Range, UnitRun
from gallery.models import Job, WorkUnit
from search.index.faiss.build import Filling
from search.index.faiss.index import FaissIndex
from search.index.faiss.kinds import filled
from search.index.faiss.sharded_build import Parts
from search.index.faiss.stored_vectors import MappedVectors
from search.indexing.backends import faiss_store
from search.models import SearchIndex
from search.types import Vectors


def filling(run: JobRun) -> Filling:
    """Return what fills an index of `INDEX_SHARE_FROM` vectors and more in work units of a job."""

    def fill(folder: Path, factory: str, stored: MappedVectors, lists: Vectors | None) -> FaissIndex:
        count = len(stored.ids)
        if count < settings.INDEX_SHARE_FROM or "IVF" not in factory:
            return filled(factory, stored, count, lists)
        ours = WorkUnit.objects.filter(job=run.job)
        ours.delete()  # of an attempt that was broken off, or of another index of this job
        parts = Parts.begin(folder, factory, stored, lists)
        try:
            run.begin(count, f"Filling the index in parts ({factory})")
            coordination.coordinate(run, _ranges(parts), partial(_fill_unit, parts))
            return parts.merged()
        finally:
            parts.end()
            ours.delete()

    return fill


def help_build(job: Job) -> None:
    """Fill parts of the index that another worker builds, if it is at that."""
    if settings.INDEX_BACKEND != "faiss":
        return
    indexes = SearchIndex.objects.filter(dataset=job.dataset)
    if "index" in job.parameters:
        indexes = indexes.filter(pk=job.parameters["index"])
    for index in indexes:
        folder = faiss_store().being_built(index.store_name)
        if folder is None:
            continue
        try:
            parts = Parts.open(folder)
        except NotFoundError:
            continue
        coordination.assist(job, _ranges(parts), partial(_fill_unit, parts))


def _ranges(parts: Parts) -> Callable[[int], Range | None]:
    def next_range(after: int) -> Range | None:
        found = parts.next_part(after)
        return Range(*found) if found is not None else None

    return next_range


def _fill_unit(parts: Parts, run: UnitRun) -> None:
    unit = run.unit
    try:
        parts.fill(unit.first_id, unit.last_id, lambda count: run.advance(count, 0))
    except NotFoundError as error:
        run.give_back(blameless=True)  # perhaps of another index that the job fills now
        raise JobStoppedError from error
    run.finish(unit.total, 0)
