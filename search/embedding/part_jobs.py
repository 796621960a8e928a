"""Indexes the parts of the images of a dataset, where somebody asked for it; says before what that takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, TypedDict

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import F
from numpy.typing import NDArray

from gallery import jobs
from gallery.access import audit
from gallery.errors import NothingIndexedError, SemsearchError
from gallery.jobs import JobRun
from gallery.models import Dataset, Image, Job
from gallery.system.concurrency.cores import core_lock
from gallery.system.measuring.stage_timer import StageTimer
from search import job_kinds
from search.embedding import network_jobs, pipeline
from search.embedding.work_units import by_keyset, without_embedding
from search.embedding.writer import store_embeddings
from search.extractors import parts
from search.features import feature_specs, loaded_extractors, part_specs
from search.indexing import builds
from search.job_results import PartsResult
from search.models import Embedding, HiddenEmbedding, SearchIndex

NUMBER_BYTES = 2  # in 16 bits, in the database and again in the index
ROW_BYTES = 60  # what the database keeps beside a vector
LATEST = 5
REMOVED_TOGETHER = 2000


class PartsAnswer(TypedDict):
    """Whether parts are indexed, and what it takes to index them."""

    images: int
    indexed: Annotated[int, "Images whose parts are indexed under the live configuration."]
    active: Annotated[bool, "Whether parts are kept indexed, also of new images."]
    parts: Annotated[int, "Parts of an image."]
    rows: Annotated[int, "Vectors of all of them."]
    bytes: Annotated[int, "On the disk, about, for all of them."]
    seconds: Annotated[float | None, "For what is missing, by extractions here; null where none was."]


def parts_answer(dataset: Dataset) -> PartsAnswer:
    """Return how far the parts of a dataset are indexed, and what that takes. Raises: NothingIndexedError."""
    index = _live(dataset)
    there = part_specs.existing_indexes(index)
    images = dataset.images.count()
    indexed = min((one.embeddings for one in there.values()), default=0) if _whole(there) else 0
    rows = images * len(parts.PARTS)
    seconds = _seconds_an_image()
    return {
        "images": images,
        "indexed": indexed,
        "active": bool(there),
        "parts": len(parts.PARTS),
        "rows": rows,
        "bytes": rows * (2 * NUMBER_BYTES * index.spec.dims + ROW_BYTES),
        "seconds": None if seconds is None else round(seconds * max(0, images - indexed), 1),
    }


def _whole(there: dict[str, SearchIndex]) -> bool:
    return len(there) == len(parts.PARTS)


def _seconds_an_image() -> float | None:
    """Return what extractions have taken here of late for an image, the slowest of them."""
    ended = Job.objects.filter(
        kind__in=(job_kinds.EXTRACT, job_kinds.PARTS), state=Job.State.SUCCEEDED, result__images_per_s__gt=0
    )
    rates = [job.result["images_per_s"] for job in ended.order_by("-pk")[:LATEST]]
    return 1 / min(rates) if rates else None


def enqueue(dataset: Dataset) -> Job:
    """Have the parts of the images of a dataset indexed, and those of later ones.

    Raises: NothingIndexedError; NoPartsError, NoMapError where features have none.
    """
    part_specs.require_parts(_live(dataset).spec)
    return _asked(dataset, {})


def _live(dataset: Dataset) -> SearchIndex:
    index = SearchIndex.objects.select_related("spec").filter(dataset=dataset, live=True).first()
    if index is None:
        raise NothingIndexedError("This dataset has no features yet: wait for its job to end.")
    return index


def enqueue_removal(dataset: Dataset) -> Job:
    """Have the parts of the images of a dataset forgotten."""
    return _asked(dataset, {"remove": True})


def _asked(dataset: Dataset, parameters: dict[str, Any]) -> Job:
    same = jobs.find_same(job_kinds.PARTS, dataset, parameters)
    return same or jobs.enqueue(job_kinds.PARTS, dataset, **parameters)


def enqueue_waiting(index: SearchIndex) -> Job | None:
    """Have the parts of new images indexed where a dataset has parts; None where nothing lacks them."""
    there = part_specs.existing_indexes(index)
    if not there or not without_embedding(index.dataset, _last(there).spec).exists():
        return None
    return _asked(index.dataset, {})


def _last(there: dict[str, SearchIndex]) -> SearchIndex:
    """Return the index of the part that is stored last of an image."""
    return there[max(there, key=list(parts.PARTS).index)]


def parts_job(run: JobRun) -> PartsResult:
    """Do a job: index the parts of each image that lacks them, or forget all of a dataset."""
    dataset = run.job.dataset
    assert dataset is not None
    if run.job.parameters.get("remove"):
        return _forgotten(run, dataset)
    live = feature_specs.live_index(dataset)
    part_specs.require_parts(live.spec)
    with transaction.atomic():
        there = part_specs.part_indexes(dataset, live.spec)
        _tell_searches(live)
    started, found = time.perf_counter(), _Stored(run, there)
    missing = without_embedding(dataset, _last(there).spec)
    run.begin(missing.count(), "Indexing the parts of images")
    found.store(missing, live)
    for index in there.values():
        builds.rebuild_when_due(index)
    seconds = time.perf_counter() - started
    return {
        "embeddings": found.stored,
        "failed": found.failed,
        "images_per_s": round(found.images / seconds, 1) if found.images else 0.0,
        "seconds": round(seconds, 2),
    }


def _tell_searches(live: SearchIndex) -> None:
    """Let every process look anew whether a dataset has parts."""
    SearchIndex.objects.filter(pk=live.pk).update(revision=F("revision") + 1)


class _Stored:
    """Stores the vectors of parts, all of a batch of images at a time, the last part last."""

    def __init__(self, run: JobRun, there: dict[str, SearchIndex]) -> None:
        self._run, self._there = run, there
        self.stored = self.failed = self.images = 0

    def store(self, missing: Any, live: SearchIndex) -> None:
        """Give the images that lack them vectors of their parts."""
        spec = live.spec
        if not missing.exists():
            return
        network_jobs.convert_first(self._run, spec.model, (spec.layer,), spec.input_size)
        network = loaded_extractors.extractor(spec.config)
        names = [name for name in parts.PARTS if name in self._there]
        clock = StageTimer()
        with pipeline.one_blas_thread():
            for batch in _batches(
                pipeline.prepared(by_keyset(missing), spec.input_size, network.prepare, clock)
            ):
                usable = [
                    (image, pixels) for image, pixels in batch if not isinstance(pixels, SemsearchError)
                ]
                for image, error in batch:
                    if isinstance(error, SemsearchError):
                        self.failed += self._run.fail_file(image.filename, error, image)
                if usable:
                    with core_lock():
                        vectors = network.extract_parts(np.stack([pixels for _, pixels in usable]), names)
                    self._write(np.array([image.pk for image, _ in usable], dtype=np.int64), names, vectors)
                self._run.advance(self.images + self.failed)
                self._run.give_way()

    def _write(self, ids: NDArray[np.int64], names: list[str], vectors: list[NDArray[np.float32]]) -> None:
        for name, some in zip(names, vectors, strict=True):
            self.stored += store_embeddings(self._there[name], ids, some)
        self.images += len(ids)


def _batches(prepared: Iterator[tuple[Image, Any]]) -> Iterator[list[tuple[Image, Any]]]:
    while batch := list(islice(prepared, settings.EXTRACT_BATCH)):
        yield batch


def _forgotten(run: JobRun, dataset: Dataset) -> PartsResult:
    specs = list(part_specs.of_parts(dataset.pk))
    started, removed = time.perf_counter(), 0
    indexes = list(SearchIndex.objects.filter(dataset=dataset, spec__in=specs))
    run.begin(sum(index.embeddings for index in indexes), "Forgetting the parts of images")
    with transaction.atomic():
        _tell_searches(feature_specs.live_index(dataset))
        audit.record("parts.remove", dataset, job=run.job.pk)
    for index in indexes:
        builds.remove(index, lambda: run.advance(removed))
    for model in (Embedding, HiddenEmbedding):
        rows = model.objects.filter(spec__in=specs, image__dataset=dataset)
        while ids := list(rows.values_list("pk", flat=True)[:REMOVED_TOGETHER]):
            removed += model.objects.filter(pk__in=ids).delete()[0]
            run.advance(removed)
    seconds = time.perf_counter() - started
    return {"embeddings": -removed, "failed": 0, "images_per_s": 0.0, "seconds": round(seconds, 2)}
