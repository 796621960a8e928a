"""Turns stored images into embeddings: decoding beside inference, in batches, as often as it takes."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from gallery import images
from gallery.errors import NotFoundError, SemsearchError
from gallery.importing import image_limits
from gallery.jobs import JobRun
from gallery.models import Dataset, Image
from search.extractors.extraction import FeatureExtractor
from search.models import Embedding, FeatureSpec, SearchIndex
from search.services import embedding_rows, features
from search.types import RGB, Ids, Vectors

READ_ROWS = 512


def without_embedding(dataset: Dataset, spec: FeatureSpec) -> QuerySet[Image]:
    """Return the images of a dataset that still lack an embedding, oldest first."""
    there = Embedding.objects.filter(image=OuterRef("pk"), spec=spec)
    return Image.objects.filter(~Exists(there), dataset=dataset).order_by("pk")


def extract_job(run: JobRun) -> dict[str, Any]:
    """Do an extraction job: every image of its dataset without an embedding gets one."""
    dataset = run.job.dataset
    assert dataset is not None
    spec_id = run.job.parameters.get("spec")
    spec = FeatureSpec.objects.get(pk=spec_id) if spec_id else features.live_index(dataset).spec
    return extract_into(run, features.index_of(dataset, spec))


def extract_into(run: JobRun, index: SearchIndex) -> dict[str, Any]:
    """Give every image of an index's dataset that lacks one an embedding.

    What it begins from is always what is missing, so a job that was killed just runs again.
    """
    spec = index.spec
    missing = without_embedding(index.dataset, spec)
    run.begin(missing.count(), f"Extracting {spec}")
    started = time.perf_counter()
    network = features.extractor(spec.config) if run.job.total or missing.exists() else None
    done, failed = 0, 0
    batch: list[tuple[int, RGB]] = []
    if network is not None:
        pictures = prepared(_by_keyset(missing), spec.input_size, network.prepare)
        for image, outcome in pictures:
            if isinstance(outcome, SemsearchError):
                run.fail_file(image.filename, outcome, image)
                failed += 1
                continue
            batch.append((image.pk, outcome))
            if len(batch) == settings.EXTRACT_BATCH:
                done += _embed(index, network, batch)
                batch = []
                run.advance(done + failed)
        done += _embed(index, network, batch)
    run.touch(total=done + failed, done=done + failed)
    seconds = time.perf_counter() - started
    return {
        "embeddings": done,
        "failed": failed,
        "images_per_s": round(done / seconds, 1) if done else 0.0,
        "seconds": round(seconds, 2),
    }


def prepared(
    rows: Iterable[Image], side: int, prepare: Callable[[RGB], RGB]
) -> Iterator[tuple[Image, RGB | SemsearchError]]:
    """Read, decode and prepare stored pictures ahead of the network, on every core.

    `side` is how many pixels the shorter side of a decoded picture should keep. A picture that cannot be
    used comes with its error.
    """
    ahead = 4 * settings.EXTRACT_BATCH
    waiting: deque[tuple[Image, Future[RGB]]] = deque()
    with ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="decode") as pool:
        for image in rows:
            waiting.append((image, pool.submit(_read, str(image.file.name), side, prepare)))
            if len(waiting) >= ahead:
                yield _outcome(*waiting.popleft())
        while waiting:
            yield _outcome(*waiting.popleft())


def _by_keyset(missing: QuerySet[Image]) -> Iterator[Image]:
    """Yield images in bounded memory; those that arrive meanwhile are met at the end."""
    last = 0
    while rows := list(missing.filter(pk__gt=last).only("pk", "file", "filename")[:READ_ROWS]):
        yield from rows
        last = rows[-1].pk


def _read(name: str, side: int, prepare: Callable[[RGB], RGB]) -> RGB:
    with default_storage.open(name) as file:
        data = file.read()
    return prepare(images.decode(data, image_limits(), shortest_side=side))


def _outcome(image: Image, pending: Future[RGB]) -> tuple[Image, RGB | SemsearchError]:
    try:
        return image, pending.result()
    except SemsearchError as error:
        return image, error
    except OSError as error:
        return image, NotFoundError(f"The stored file cannot be read ({error}); import the picture again.")


def _embed(index: SearchIndex, network: FeatureExtractor, batch: list[tuple[int, RGB]]) -> int:
    if not batch:
        return 0
    ids = np.array([pk for pk, _ in batch], dtype=np.int64)
    return store_embeddings(index, ids, network.extract(np.stack([prepared for _, prepared in batch])))


def store_embeddings(index: SearchIndex, image_ids: Ids, vectors: Vectors) -> int:
    """Store vectors (n, d) of images (n,), once each, and make them searchable; returns how many were new.

    Images deleted meanwhile are left out.
    """
    rows = [(int(pk), _stored(vector)) for pk, vector in zip(image_ids, vectors, strict=True)]
    for _ in range(3):
        try:
            with transaction.atomic():
                # the index before the images, as whoever removes images takes them: nobody waits for ever
                SearchIndex.objects.filter(pk=index.pk).update(revision=F("revision") + 1)
                stored = embedding_rows.insert(index, rows)
        except IntegrityError:
            # an image went between the look and the insert: look again
            continue
        return stored
    raise SemsearchError("The images keep changing while their features are stored; run the job again.")


def _stored(vector: np.ndarray[Any, Any]) -> bytes:
    return vector.astype("<f2").tobytes()
