"""Finds the images that lack an embedding and gives them one, as often as it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from gallery.errors import SemsearchError
from gallery.jobs import JobRun
from gallery.models import Dataset, Image
from search.models import Embedding, FeatureSpec, SearchIndex
from search.services import embedding, features
from search.services.embedding import Embedded, Told

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
    missing = without_embedding(index.dataset, index.spec)
    run.begin(missing.count(), f"Extracting {index.spec}")
    if not run.job.total and not missing.exists():
        return _result(Embedded(0, 0, {}), 0.0)
    started = time.perf_counter()
    network = features.extractor(index.spec.config)

    def failed(image: Image, error: SemsearchError) -> None:
        run.fail_file(image.filename, error, image)

    found = embedding.embed_stored(_by_keyset(missing), index, network, Told(failed, run.advance))
    ended = found.stored + found.failed
    run.touch(total=ended, done=ended)
    return _result(found, time.perf_counter() - started) | {"engine": network.engine_name}


def _result(found: Embedded, seconds: float) -> dict[str, Any]:
    return {
        "embeddings": found.stored,
        "failed": found.failed,
        "images_per_s": round(found.stored / seconds, 1) if found.stored else 0.0,
        "seconds": round(seconds, 2),
        **found.stages,
    }


def _by_keyset(missing: QuerySet[Image]) -> Iterator[Image]:
    """Yield images in bounded memory; those that arrive meanwhile are met at the end."""
    last = 0
    while rows := list(missing.filter(pk__gt=last).only("pk", "file", "filename")[:READ_ROWS]):
        yield from rows
        last = rows[-1].pk
