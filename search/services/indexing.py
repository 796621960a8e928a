"""Keeps indexes true to the database: snapshots to search, generations, removals, verification."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from numpy.typing import NDArray

from gallery.errors import IndexDamagedError
from gallery.jobs import JobRun
from search.index.build import BuildPlan, build_generation
from search.index.generation import Generation
from search.index.live import LiveIndex
from search.index.store import GenerationStore
from search.models import Embedding, IndexBuild, RemovedEmbedding, SearchIndex
from search.types import Ids

logger = logging.getLogger(__name__)

READ_ROWS = 4096
# A transaction that began before a build and ended after it may hold lower ids than the
# generation's last one; looking back this far finds them.
LOOK_BACK_IDS = 10_000


@dataclass(frozen=True)
class Snapshot:
    """What this process searches for one index, true up to `revision`."""

    revision: int
    live: LiveIndex


_snapshots: dict[int, Snapshot] = {}
_refreshing = threading.Lock()


def store() -> GenerationStore:
    """Return the store of all generations."""
    return GenerationStore(settings.INDEX_ROOT)


def searchable(index: SearchIndex) -> LiveIndex:
    """Return the newest snapshot of an index; `index.revision` must be fresh from the database."""
    found = _snapshots.get(index.pk)
    if found is None or found.revision != index.revision:
        with _refreshing:
            found = _snapshots.get(index.pk)
            if found is None or found.revision != index.revision:
                found = Snapshot(index.revision, _load(index, found.live if found else None))
                _snapshots[index.pk] = found
    return found.live


def forget() -> None:
    """Drop every snapshot of this process, as a process that starts."""
    with _refreshing:
        _snapshots.clear()


def embeddings(index: SearchIndex) -> QuerySet[Embedding]:
    """Return the embeddings that belong to an index."""
    return Embedding.objects.filter(dataset_id=index.dataset_id, spec_id=index.spec_id)


def _load(index: SearchIndex, previous: LiveIndex | None) -> LiveIndex:
    generation = _generation(index, previous.generation if previous else None)
    removed = set(index.removed.values_list("embedding_id", flat=True))
    floor = int(generation.ids[-1]) - LOOK_BACK_IDS if generation is not None and generation.count else 0
    newer = np.fromiter(
        embeddings(index)
        .filter(pk__gt=floor)
        .order_by("pk")
        .values_list("pk", flat=True)
        .iterator(READ_ROWS),
        dtype=np.int64,
    )
    if generation is not None:
        newer = newer[~generation.known(newer)]
    return LiveIndex(generation, newer, _delta_vectors(index, newer, previous), removed)


def _generation(index: SearchIndex, held: Generation | None) -> Generation | None:
    shelf = store()
    if held is not None and shelf.current_name(index.store_name) == held.name:
        return held
    try:
        return shelf.open_current(index.store_name)
    except IndexDamagedError as error:
        # the database has every vector: answer exactly from it until the index is rebuilt
        logger.error("%s Until then searches read the database.", error.detail)
        return None


def _delta_vectors(index: SearchIndex, ids: Ids, previous: LiveIndex | None) -> NDArray[np.float16]:
    """Return the vectors of ids, reading from the database only those the last snapshot does not hold."""
    rows = np.empty((len(ids), index.spec.dims), dtype=np.float16)
    if previous is not None:
        held = np.isin(ids, previous.delta_ids)
        rows[held] = previous.delta_vectors[np.searchsorted(previous.delta_ids, ids[held])]
    else:
        held = np.zeros(len(ids), dtype=np.bool_)
    wanted = np.flatnonzero(~held)
    read = np.zeros(len(ids), dtype=np.bool_)
    read[held] = True
    if len(wanted):
        first, last = int(ids[wanted[0]]), int(ids[wanted[-1]])
        for batch_ids, vectors in _batches(
            embeddings(index).filter(pk__gte=first, pk__lte=last), index.spec.dims
        ):
            places = np.searchsorted(ids, batch_ids)
            known = (places < len(ids)) & (ids[np.minimum(places, len(ids) - 1)] == batch_ids)
            rows[places[known]] = vectors[known]
            read[places[known]] = True
    # a row deleted between the two queries: never found, as the database has no image for it
    rows[~read] = 0
    return rows


def _batches(found: QuerySet[Embedding], dims: int) -> Iterator[tuple[Ids, NDArray[np.float16]]]:
    """Yield ids (n,) ascending and float16 vectors (n, dims), in bounded memory."""
    last = 0
    ordered = found.order_by("pk").values_list("pk", "vector")
    while rows := list(ordered.filter(pk__gt=last)[:READ_ROWS]):
        ids = np.array([pk for pk, _ in rows], dtype=np.int64)
        vectors = np.frombuffer(b"".join(bytes(vector) for _, vector in rows), dtype="<f2")
        yield ids, vectors.reshape(len(rows), dims)
        last = rows[-1][0]


def rebuild(index: SearchIndex, run: JobRun | None = None) -> IndexBuild:
    """Build and publish the next generation of an index from the database.

    Raises: IndexDamagedError, IndexInputError when the result fails its checks; the old one serves on.
    """
    began = timezone.now()
    build = IndexBuild.objects.create(index=index)
    plan = BuildPlan(name=index.store_name, spec=asdict(index.spec.config), dims=index.spec.dims)

    def report(count: int) -> None:
        if run is not None:
            run.advance(count)

    try:
        generation = build_generation(store(), plan, _batches(embeddings(index), index.spec.dims), report)
    except Exception as error:
        IndexBuild.objects.filter(pk=build.pk).update(
            state=IndexBuild.State.FAILED, error=str(error), finished_at=timezone.now()
        )
        raise
    with transaction.atomic():
        IndexBuild.objects.filter(pk=build.pk).update(
            state=IndexBuild.State.PUBLISHED,
            generation=generation.name,
            manifest=generation.manifest.as_dict(),
            finished_at=timezone.now(),
        )
        SearchIndex.objects.filter(pk=index.pk).update(revision=F("revision") + 1)
        # rows of builds whose process was killed; one that still runs sets its own state at its end
        index.builds.filter(state=IndexBuild.State.BUILDING, pk__lt=build.pk).update(
            state=IndexBuild.State.FAILED, error="Its process ended before the build did.", finished_at=began
        )
        # what was removed before the build began is not in it
        index.removed.filter(removed_at__lt=began).delete()
    build.refresh_from_db()
    return build


def index_job(run: JobRun) -> dict[str, Any]:
    """Do an index job: the next generation of each index of a dataset, or of the one index named."""
    indexes = SearchIndex.objects.select_related("spec", "dataset").filter(dataset=run.job.dataset)
    if "index" in run.job.parameters:
        indexes = indexes.filter(pk=run.job.parameters["index"])
    builds: list[IndexBuild] = []
    for index in indexes:
        run.begin(embeddings(index).count(), f"Building the index of {index.dataset.name}")
        builds.append(rebuild(index, run))
    return {"builds": [build.pk for build in builds]}


def wants_rebuild(index: SearchIndex) -> bool:
    """Whether so much has changed since the generation was built that searches would gain from a new one."""
    try:
        generation = store().open_current(index.store_name, checksums=False)
    except IndexDamagedError:
        return True
    total = embeddings(index).count()
    held = generation.count if generation is not None else 0
    gone = index.removed.count()
    return total - (held - gone) + gone >= max(settings.COMPACT_AFTER, held // 10)


def note_removed(dataset_id: int, image_ids: list[int]) -> None:
    """Take the embeddings of images out of every index, in the caller's transaction."""
    for index in SearchIndex.objects.filter(dataset_id=dataset_id):
        gone = embeddings(index).filter(image_id__in=image_ids).values_list("pk", flat=True)
        RemovedEmbedding.objects.bulk_create(
            [RemovedEmbedding(embedding_id=pk, index=index) for pk in gone], ignore_conflicts=True
        )
        SearchIndex.objects.filter(pk=index.pk).update(revision=F("revision") + 1)
    Embedding.objects.filter(image_id__in=image_ids).delete()


def drop_files(index: SearchIndex) -> None:
    """Remove the generations of an index whose row was deleted, once that is committed."""
    name, pk = index.store_name, index.pk

    def drop() -> None:
        store().drop(name)
        _snapshots.pop(pk, None)

    transaction.on_commit(drop)
