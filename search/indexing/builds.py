"""Keeps indexes true to the database: generations, removals, and what to search of each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from functools import partial

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from gallery import jobs
from gallery.errors import IndexDamagedError, SemsearchError
from gallery.jobs import JobRun
from gallery.models import Job
from gallery.system.concurrency.conflicts import repeated
from gallery.system.concurrency.held_rows import locked
from gallery.system.concurrency.locking import exclusive_lock
from search import job_kinds
from search.extractors.parts import divided
from search.index.base import PublishedGeneration
from search.index.faiss.build import BuildPlan
from search.index.faiss.kinds import Budget
from search.indexing import calibrations, database_vectors, snapshots
from search.indexing import work_units as index_units
from search.indexing.backends import backend
from search.indexing.database_vectors import embeddings
from search.job_results import IndexResult
from search.models import Embedding, HiddenEmbedding, IndexBuild, RemovedEmbedding, SearchIndex

# an index that is damaged, and cannot be built, is tried so much later
TRIED_AGAIN_AFTER = timedelta(minutes=5)


def rebuild(index: SearchIndex, run: JobRun | None = None) -> IndexBuild:
    """Build and publish the next generation of an index from the database; one at a time, wherever they run.

    Raises: IndexDamagedError, IndexInputError when the result fails its checks; the old one serves on.
    """
    with _exclusive_lock(index, run):
        return _calibrated(index, _rebuild(index, run))


def _calibrated(index: SearchIndex, build: IndexBuild) -> IndexBuild:
    """Fit what the scores of the generation mean that serves now; those of parts are never told as such."""
    if not _is_of_part(index):
        calibrations.fit(index)
    return build


def _is_of_part(index: SearchIndex) -> bool:
    return divided(index.spec.pooling)[1] is not None


def _exclusive_lock(index: SearchIndex, run: JobRun | None) -> AbstractContextManager[None]:
    """Hold the lock of an index's builds; not to be taken again by who holds it."""

    def waiting() -> None:
        if run is not None:
            run.advance(0, "Another build of this index has to end first.")

    return exclusive_lock(_lock_name(index), waiting)


def _lock_name(index: SearchIndex) -> str:
    return f"index-{index.pk}"


def _rebuild(index: SearchIndex, run: JobRun | None) -> IndexBuild:
    build = IndexBuild.objects.create(index=index)
    plan = BuildPlan(
        name=index.store_name,
        spec=index.spec.config.as_values(),
        dims=index.spec.dims,
        budget=Budget(settings.INDEX_BYTES_PER_VECTOR, settings.INDEX_RECALL),
    )
    if run is not None:
        plan = replace(plan, fill=index_units.filling(run))

    def report(count: int) -> None:
        if run is not None:
            run.advance(count)

    try:
        generation = backend().build(plan, partial(database_vectors.batches, index), report)
    except Exception as error:
        IndexBuild.objects.filter(pk=build.pk).update(
            state=IndexBuild.State.FAILED, error=str(error), finished_at=timezone.now()
        )
        raise
    with transaction.atomic():
        _published(build, generation)
        SearchIndex.objects.filter(pk=index.pk).update(revision=F("revision") + 1)
        # rows of builds whose process was killed: none runs beside this one
        index.builds.filter(state=IndexBuild.State.BUILDING, pk__lt=build.pk).update(
            state=IndexBuild.State.FAILED,
            error="Its process ended before the build did.",
            finished_at=build.started_at,
        )
        _forget_removed(index, generation)
    build.refresh_from_db()
    return build


def _forget_removed(index: SearchIndex, generation: PublishedGeneration) -> None:
    """Mask no longer what is gone and not in a generation; what it took in before it went stays masked.

    When a removal began says nothing: it may have been committed after the vector was read.
    """
    gone = np.fromiter(index.removed.values_list("embedding_id", flat=True), dtype=np.int64)
    needless = gone[~generation.known(gone)].tolist()
    for start in range(0, len(needless), database_vectors.NAMED_IDS):
        index.removed.filter(pk__in=needless[start : start + database_vectors.NAMED_IDS]).delete()


def _published(build: IndexBuild, generation: PublishedGeneration) -> None:
    IndexBuild.objects.filter(pk=build.pk).update(
        state=IndexBuild.State.PUBLISHED,
        generation=generation.name,
        manifest=dict(generation.facts()),
        finished_at=timezone.now(),
    )


def compact(index: SearchIndex, run: JobRun | None = None) -> IndexBuild:
    """Bring an index up to date: into the generation that serves where its engine can, else by the next one.

    Raises: as `rebuild`.
    """
    with _exclusive_lock(index, run):
        return _calibrated(index, _compact(index, run))


def _compact(index: SearchIndex, run: JobRun | None) -> IndexBuild:
    build = index.published
    removed = np.fromiter(index.removed.values_list("embedding_id", flat=True), dtype=np.int64)
    try:
        generation = backend().take_in(index.store_name, partial(database_vectors.batches, index), removed)
    except IndexDamagedError:
        generation = None
    if generation is None or build is None:
        return _rebuild(index, run)
    with transaction.atomic():
        _published(build, generation)
        SearchIndex.objects.filter(pk=index.pk).update(revision=F("revision") + 1)
        index.removed.filter(embedding_id__in=removed.tolist()).delete()
    build.refresh_from_db()
    return build


def index_job(run: JobRun) -> IndexResult:
    """Do an index job: the next generation of each index of a dataset, or of the one index named.

    With the parameter `compact` the generation that serves is brought up to date where that can be done. Each
    index is built by one process at a time.
    """
    indexes = SearchIndex.objects.select_related("spec", "dataset").filter(dataset=run.job.dataset)
    if "index" in run.job.parameters:
        indexes = indexes.filter(pk=run.job.parameters["index"])
    builds: list[IndexBuild] = []
    for index in indexes:
        run.begin(embeddings(index).count(), f"Building the index of {index.dataset.name}")
        bring = compact if run.job.parameters.get("compact") else rebuild
        builds.append(bring(index, run))
    return {"builds": [build.pk for build in builds]}


def wants_rebuild(index: SearchIndex) -> bool:
    """Whether so much has changed since the generation was built that searches would gain from a new one."""
    try:
        generation = backend().open_current(index.store_name, checksums=False)
    except IndexDamagedError:
        return True
    held, last_id = (generation.count, generation.last_id) if generation is not None else (0, 0)
    newer = embeddings(index).filter(pk__gt=last_id).count()
    changes = newer + index.removed.count()
    return changes >= backend().compacts_after(held, settings.COMPACT_AFTER)


def rebuild_when_due(index: SearchIndex) -> Job | None:
    """Have an index brought up to date when enough has changed that it pays, unless that is queued.

    Otherwise what its scores mean is fitted anew, when that is due.
    """
    if not wants_rebuild(index):
        if not _is_of_part(index):
            calibrations.fit_when_due(index)
        return None
    waiting = Job.objects.filter(kind=job_kinds.INDEX, state=Job.State.QUEUED, dataset=index.dataset_id)
    if waiting.filter(parameters__index=index.pk).exists():
        return None
    return jobs.enqueue(job_kinds.INDEX, index.dataset, index=index.pk, compact=True)


def rebuild_damaged(index: SearchIndex) -> Job | None:
    """Have a damaged index built anew; None where that is under way, or ended minutes ago without success.

    Every process that searches lets go of the damaged generation at once.
    """
    unsuccessful = Q(state__in=(Job.State.FAILED, Job.State.CANCELLED))
    lately = Q(finished_at__gte=timezone.now() - TRIED_AGAIN_AFTER)
    if _is_asked(index, Q(state__in=Job.ACTIVE) | (unsuccessful & lately)):
        return None
    with transaction.atomic():
        SearchIndex.objects.filter(pk=index.pk).update(revision=F("revision") + 1)
        return jobs.enqueue(job_kinds.INDEX, index.dataset, index=index.pk)


def _is_asked(index: SearchIndex, states: Q) -> bool:
    """Whether a job in one of these states is to build this index."""
    asked = Job.objects.filter(states, kind=job_kinds.INDEX, dataset=index.dataset_id)
    # compared here: databases differ in how they compare JSON
    return any(job.parameters.get("index", index.pk) == index.pk for job in asked)


def rebuild_unreadable() -> int:
    """Leave to the next worker the indexes that have vectors and no generation that can be read.

    Searches look through all vectors meanwhile. Returns how many jobs that are.
    """
    found = 0
    filled = SearchIndex.objects.filter(embeddings__gt=0, dataset__deleted_at=None)
    for index in filled.select_related("dataset"):
        try:
            readable = backend().open_current(index.store_name, checksums=False) is not None
        except SemsearchError:
            readable = False
        if not readable and (index.live or index.published is not None):
            if not _is_asked(index, Q(state__in=Job.ACTIVE)):
                jobs.enqueue_for_startup(job_kinds.INDEX, index.dataset, index=index.pk)
            found += 1
    return found


def note_removed(dataset_id: int, image_ids: list[int]) -> None:
    """Take the embeddings of images out of every index, in the caller's transaction.

    The indexes are locked before anything is read, as by whoever writes embeddings: none comes in between.
    """
    for pk in sorted(locked(SearchIndex._base_manager.filter(dataset_id=dataset_id))):
        SearchIndex._base_manager.filter(pk=pk).update(revision=F("revision") + 1)
        index = SearchIndex._base_manager.get(pk=pk)
        gone = embeddings(index).filter(image_id__in=image_ids).values_list("pk", flat=True)
        RemovedEmbedding.objects.bulk_create(
            [RemovedEmbedding(embedding_id=pk, index=index) for pk in gone], ignore_conflicts=True
        )
    Embedding.objects.filter(image_id__in=image_ids).delete()


def note_hidden(dataset_id: int, image_ids: list[int]) -> None:
    """Set the embeddings of images aside and take them out of every index, in the caller's transaction."""
    # the indexes first, as whoever writes embeddings: nobody waits for ever
    SearchIndex.objects.filter(dataset_id=dataset_id).update(revision=F("revision") + 1)
    rows = Embedding.objects.filter(image_id__in=image_ids).order_by("pk")
    HiddenEmbedding.objects.bulk_create(
        [
            HiddenEmbedding(image_id=image_id, spec_id=spec_id, vector=vector)
            for image_id, spec_id, vector in rows.values_list("image", "spec", "vector")
        ],
        ignore_conflicts=True,
    )
    note_removed(dataset_id, image_ids)


def note_shown(dataset_id: int, image_ids: list[int]) -> None:
    """Bring back what was set aside of images, as if it were new, in the caller's transaction."""
    SearchIndex.objects.filter(dataset_id=dataset_id).update(revision=F("revision") + 1)
    aside = HiddenEmbedding.objects.filter(image_id__in=image_ids).order_by("image")
    Embedding.objects.bulk_create(
        [
            Embedding(image_id=image_id, spec_id=spec_id, dataset_id=dataset_id, vector=vector)
            for image_id, spec_id, vector in aside.values_list("image", "spec", "vector")
        ],
        ignore_conflicts=True,
    )
    aside.delete()


def remove(index: SearchIndex, waiting: Callable[[], object]) -> None:
    """Remove an index with its files and all that it knows of builds, when no build of it is under way.

    `waiting` is called again and again until then.
    """
    with exclusive_lock(_lock_name(index), waiting):
        repeated(partial(_delete_row, index.pk))


def _delete_row(pk: int) -> None:
    for index in SearchIndex._base_manager.filter(pk__in=locked(SearchIndex._base_manager.filter(pk=pk))):
        index.delete()


def drop_files(index: SearchIndex) -> None:
    """Remove the generations of an index whose row was deleted, once that is committed."""
    name, pk = index.store_name, index.pk

    def drop() -> None:
        backend().drop(name)
        snapshots.forget_one(pk)

    transaction.on_commit(drop)
