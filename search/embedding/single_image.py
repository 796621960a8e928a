"""Gives one added image its embedding at once, from the array that was decoded to store it."""

from __future__ import annotations

import time
from functools import partial

import numpy as np
from django.conf import settings

from gallery import jobs
from gallery.jobs import JobRun
from gallery.models import Dataset, Image, Job
from gallery.system.concurrency.cores import core_lock
from gallery.words import suggestions
from search import job_kinds
from search.embedding import part_jobs, seen_words
from search.embedding.jobs import Extraction, enqueue_extraction
from search.embedding.work_units import waiting_count
from search.embedding.writer import store_embeddings
from search.extractors.feature_extractor import FeatureExtractor
from search.features import feature_specs, loaded_extractors, tunings
from search.features.tunings import TuningGoneError
from search.models import SearchIndex
from search.types import RGB


class SingleImageEmbedder:
    """Hands one image to the network whose vectors an index takes.

    `live` is the index that answers searches: that one, or one whose vectors are tuned from it.
    """

    def __init__(self, index: SearchIndex, live: SearchIndex, network: FeatureExtractor) -> None:
        self.shortest_side = index.spec.input_size
        self._index, self._live, self._network = index, live, network

    def prepare(self, rgb: RGB) -> RGB:
        """Return a decoded image as the network takes it."""
        return self._network.prepare(rgb)

    def take(self, image: Image, payload: RGB) -> Job:
        """Store the image's embedding; returns the job of that, ended unless something went wrong."""
        dataset = self._index.dataset
        # a switch of the live configuration before now knew nothing of the image; one after now will see it
        if feature_specs.live_index(dataset).pk != self._live.pk:
            return enqueue_extraction(dataset)
        embed = partial(self._embed, image, payload)
        return jobs.perform_at_once(job_kinds.EXTRACT, dataset, embed, images=[image.pk])

    def _embed(self, image: Image, prepared: RGB, run: JobRun) -> dict[str, object]:
        started = time.perf_counter()
        run.begin(1, f"Extracting {self._index.spec}")
        with core_lock():
            vectors, logits = self._network.extract_with_logits(prepared[np.newaxis])
        if logits is not None:
            suggestions.store(self._index.dataset_id, seen_words.seen([image.pk], logits))
        stored = store_embeddings(self._index, np.array([image.pk], dtype=np.int64), vectors)
        part_jobs.enqueue_waiting(self._live)
        seconds = time.perf_counter() - started
        return Extraction(
            embeddings=stored,
            failed=0,
            images_per_s=round(stored / seconds, 1),
            seconds=round(seconds, 2),
            stages={},
            engine=self._network.engine_name,
        ).as_result()


def observe(dataset: Dataset) -> SingleImageEmbedder | None:
    """Return what embeds an image that is being added; None where that is left to a job of a worker.

    It is where this process would have to load the network first, and where other images of the dataset wait
    for their embeddings, which the same job gives them.
    """
    if not settings.EXTRACT_AT_IMPORT:
        return None
    live = feature_specs.live_index(dataset)
    try:
        index = tunings.plain_index(live)
    except TuningGoneError:
        return None
    network = loaded_extractors.loaded(index.spec.config)
    if network is None or waiting_count(live) > 0:
        return None
    return SingleImageEmbedder(index, live, network)
