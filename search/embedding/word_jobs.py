"""Looks for words in images that came before words were looked for, or whose network tells none."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from gallery import jobs
from gallery.errors import SemsearchError
from gallery.jobs import JobRun
from gallery.models import Dataset, Image, Job, SuggestedWord
from gallery.system.concurrency.cores import core_lock
from gallery.system.measuring.stage_timer import StageTimer
from gallery.words import suggestions
from search import job_kinds
from search.embedding import network_jobs, pipeline, seen_words
from search.extractors.feature_extractor import HEAD_LAYER, FeatureExtractor, live_config
from search.extractors.networks import registry
from search.features import feature_specs, loaded_extractors
from search.job_results import WordsResult
from search.types import RGB, FeatureConfig

READ_ROWS = 512


def without_words(dataset: Dataset) -> QuerySet[Image]:
    """Return the images of a dataset in which no words were looked for yet."""
    there = SuggestedWord.objects.filter(image=OuterRef("pk"))
    return Image.objects.filter(~Exists(there), dataset=dataset)


def tells_words(config: FeatureConfig) -> bool:
    """Whether the words come with the features of a configuration, at no further pass."""
    try:
        network = registry.get_network(config.model)
    except SemsearchError:
        return False
    return network.head is not None and config.layer == HEAD_LAYER


def config_for(dataset: Dataset) -> FeatureConfig:
    """Return the configuration whose network tells the words of a dataset: the live one where it can."""
    live = feature_specs.live_index(dataset).spec.config
    return live if tells_words(live) else live_config()


def enqueue_words(dataset: Dataset) -> Job:
    """Queue a search for words in the images that have none; returns that, or the one under way."""
    return jobs.find_same(job_kinds.WORDS, dataset, {}) or jobs.enqueue(job_kinds.WORDS, dataset)


def follow_extraction(dataset: Dataset) -> Job | None:
    """Have new images looked at where the live network tells no words, and the dataset has some."""
    if tells_words(feature_specs.live_index(dataset).spec.config):
        return None
    has_some = SuggestedWord.objects.filter(image__dataset=dataset).exists()
    return enqueue_words(dataset) if has_some and without_words(dataset).exists() else None


def words_job(run: JobRun) -> WordsResult:
    """Look at every image of the job's dataset that has no words."""
    dataset = run.job.dataset
    assert dataset is not None
    config = config_for(dataset)
    network_jobs.convert_first(run, config.model, (config.layer,), config.input_size)
    network = loaded_extractors.extractor(config)
    started = time.perf_counter()
    run.begin(without_words(dataset).count(), f"Looking for words with {config.model}")
    stored, failed = _look(run, dataset, network)
    return WordsResult(images=stored, failed=failed, seconds=round(time.perf_counter() - started, 2))


def _look(run: JobRun, dataset: Dataset, network: FeatureExtractor) -> tuple[int, int]:
    stored = failed = 0
    batch: list[tuple[int, RGB]] = []
    rows = pipeline.prepared(_by_keyset(dataset), network.config.input_size, network.prepare, StageTimer())
    for image, outcome in rows:
        if isinstance(outcome, SemsearchError):
            failed += run.fail_file(image.filename, outcome, image)
            continue
        batch.append((image.pk, outcome))
        if len(batch) == settings.EXTRACT_BATCH:
            stored += _store(dataset, batch, network)
            batch = []
            run.advance(stored)
            run.give_way()
    if batch:
        stored += _store(dataset, batch, network)
        run.advance(stored)
    return stored, failed


def _store(dataset: Dataset, batch: list[tuple[int, RGB]], network: FeatureExtractor) -> int:
    ids, images = zip(*batch, strict=True)
    with core_lock():
        _, logits = network.extract_with_logits(np.stack(images))
    assert logits is not None
    return suggestions.store(dataset, seen_words.seen(ids, logits))


def _by_keyset(dataset: Dataset) -> Iterator[Image]:
    last = 0
    missing = without_words(dataset).order_by("pk").only("pk", "file", "filename")
    while rows := list(missing.filter(pk__gt=last)[:READ_ROWS]):
        yield from rows
        last = rows[-1].pk
