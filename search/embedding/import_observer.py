"""Gives the images of an import their embeddings as they are decoded: each is decoded once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypedDict

from django.conf import settings

from gallery.errors import SemsearchError
from gallery.ingest.observers import ImportObserver
from gallery.jobs import JobRun
from gallery.models import Dataset, Image
from gallery.system.measuring.stage_timer import StageTimer
from search.embedding import network_jobs, part_jobs
from search.embedding.pipeline import Embedder
from search.extractors.feature_extractor import FeatureExtractor
from search.features import feature_specs, loaded_extractors, tunings
from search.indexing import builds
from search.models import Embedding, SearchIndex
from search.types import RGB

logger = logging.getLogger(__name__)


class EmbeddedAtImport(TypedDict):
    """What an import adds to its result: how many embeddings it stored, and what ran the network."""

    embeddings: int
    engine: str


class EmbeddingObserver:
    """Hands the decoded images of one import to the network whose vectors an index takes.

    `live` is the index that answers searches: that one, or one whose vectors are tuned from it.
    """

    def __init__(
        self, index: SearchIndex, live: SearchIndex, network: FeatureExtractor, embedder: Embedder
    ) -> None:
        self.shortest_side = index.spec.input_size
        self._index, self._live, self._network, self._embedder = index, live, network, embedder

    def prepare(self, rgb: RGB) -> RGB:
        """Return a decoded image as the network takes it."""
        return self._network.prepare(rgb)

    def take(self, images: Sequence[tuple[Image, Any]]) -> None:
        """Take stored images with their prepared pixels; those that have an embedding are passed over."""
        ids = [image.pk for image, _ in images]
        there = Embedding.objects.filter(spec=self._index.spec_id, image__in=ids)
        held = set(there.values_list("image", flat=True))
        for image, prepared in images:
            if image.pk not in held:
                self._embedder.add(image.pk, prepared)

    def finish(self) -> EmbeddedAtImport:
        """Wait for the last embedding, and have the index rebuilt when that is due."""
        self._embedder.finish()
        builds.rebuild_when_due(self._live)
        part_jobs.enqueue_waiting(self._live)
        return {"embeddings": self._embedder.stored, "engine": self._network.engine_name}


def observe(
    run: JobRun, dataset: Dataset, clock: StageTimer
) -> AbstractContextManager[ImportObserver] | None:
    """Return the observer of an import; None where extraction is left to its own job.

    A network that cannot be loaded keeps no image out: the job of the extraction will say what is wrong.
    """
    if not settings.EXTRACT_AT_IMPORT:
        return None
    live = feature_specs.live_index(dataset)
    try:
        index = tunings.plain_index(live)
        spec = index.spec
        network_jobs.convert_first(run, spec.model, (spec.layer,), spec.input_size)
        network = loaded_extractors.extractor(spec.config)
    except SemsearchError as error:
        logger.warning("Import %s goes on without extraction: %s", run.job.pk, error.detail)
        return None
    return _observing(index, live, network, clock)


@contextmanager
def _observing(
    index: SearchIndex, live: SearchIndex, network: FeatureExtractor, clock: StageTimer
) -> Iterator[ImportObserver]:
    with Embedder(index, network, clock) as embedder:
        yield EmbeddingObserver(index, live, network, embedder)
