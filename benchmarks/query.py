"""A live query, warm, one client, against the original's way; and what each way to refine it costs more."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any

from benchmarks import rounds
from benchmarks.images import SAMPLES, images
from benchmarks.index.synthetic import filtered_figures
from benchmarks.original import OriginalWay
from gallery import jobs
from gallery.browse.where_text import where_text
from gallery.ingest.removals import dataset_removal
from gallery.models import Dataset, Image
from search import job_kinds
from search.experiments import promotion
from search.experiments.tuning import tuning_jobs
from search.extractors.networks import registry
from search.extractors.networks.added import added_models
from search.features import feature_specs
from search.live import engine
from search.live import query as live_query
from search.live.document import Example, QueryDocument
from search.live.query import SearchRequest
from search.models import FeatureSpec

ROUNDS, QUERIES = 8, 10
WARM_UP = 3
K = 10
FRAME = (0.1, 0.1, 0.7, 0.8)
WORD = "cattle"  # no label: it is found by what is seen, and then by what looks like that
FILTER = "label:birds,coins width>=1 -format:gif"


def query() -> dict[str, Any]:
    """Measure all in turn on the photographs of the sample data, each over an index of the same pictures."""
    folder = SAMPLES / "objects200"
    datas = [file.read_bytes() for file in images(folder)]
    original = OriginalWay()
    for data in datas:
        original.add(data)
    dataset = Dataset.objects.create(slug=f"benchmark-{os.getpid()}", name="Benchmark")

    def ours(data: bytes) -> object:
        return live_query.search(SearchRequest(data=data, dataset=dataset.slug, k=K))

    def theirs(data: bytes) -> object:
        return original.query(data, K)

    try:
        jobs.perform_now(jobs.IMPORT, dataset, path=str(folder), announce=False)
        jobs.perform_now(job_kinds.EXTRACT, dataset)
        ways = {"ours": ours, "theirs": theirs} | _refined(dataset)
        for data in datas[:WARM_UP]:
            for way in ways.values():
                way(data)
        # a count of its own each: all are asked for the same pictures
        searches = {name: partial(_asked, way, datas, count()) for name, way in ways.items()}
        found = rounds.in_turn(searches, ROUNDS)
        plainly = partial(_asked, ours, datas, count())
        parts_ms, tuned_ms = _with_parts(dataset, plainly), _tuned(dataset, plainly)
        text_ms = _by_text(dataset)
    finally:
        dataset_removal.remove_dataset(dataset)
    own, other = (rounds.flat(found[name]) for name in ("ours", "theirs"))
    return {
        "query_ms_p50": round(statistics.median(own), 2),
        "query_ms_p99": round(rounds.p99(own), 2),
        "peer_query_ms_p50": round(statistics.median(other), 2),
        "peer_query_ms_p99": round(rounds.p99(other), 2),
        **rounds.compared(found["ours"], found["theirs"], less_is_better=True),
        "steered_ms_p50": round(statistics.median(rounds.flat(found["steered"])), 2),
        "framed_ms_p50": round(statistics.median(rounds.flat(found["framed"])), 2),
        "parts_ms_p50": parts_ms,
        "tuned_ms_p50": tuned_ms,
        "text_ms_p50": text_ms,
        "words_ms_p50": round(statistics.median(rounds.flat(found["worded"])), 2),
        "filtered_ms_p50": round(statistics.median(rounds.flat(found["filtered"])), 2),
        "folded_ms_p50": round(statistics.median(rounds.flat(found["folded"])), 2),
        "grouped_ms_p50": round(statistics.median(rounds.flat(found["grouped"])), 2),
        "pictures": len(datas),
        "queries": len(own),
        **filtered_figures(),
    }


def _asked(search: Callable[[bytes], object], datas: list[bytes], numbers: Iterator[int]) -> list[float]:
    some = [datas[next(numbers) * 7 % len(datas)] for _ in range(QUERIES)]
    return [rounds.elapsed_ms(partial(search, data)) for data in some]


def _refined(dataset: Dataset) -> dict[str, Callable[[bytes], object]]:
    """Return searches that ask more: further examples, a filter, a part, a word, folded and grouped hits."""
    stored = [
        Example(image=key) for key in Image.objects.filter(dataset=dataset).values_list("pk", flat=True)
    ]
    where = where_text(FILTER)

    def asked(*like: Example, **more: Any) -> object:
        return engine.answered(QueryDocument(like=like, datasets=(dataset.slug,), k=K, **more))

    return {
        "steered": lambda data: asked(Example(data=data), *stored[:2], unlike=tuple(stored[-2:])),
        "filtered": lambda data: asked(Example(data=data), where=where),
        "framed": lambda data: asked(Example(data=data, box=FRAME)),
        "worded": lambda _: asked(words=(WORD,)),
        "folded": lambda data: asked(Example(data=data), fold="near"),
        "grouped": lambda data: asked(Example(data=data), group="cluster"),
    }


def _with_parts(dataset: Dataset, asked: Callable[[], list[float]]) -> float:
    """Return the median of plain searches once parts are indexed: for the others there are none."""
    jobs.perform_now(job_kinds.PARTS, dataset)
    return _median(asked)


def _tuned(dataset: Dataset, asked: Callable[[], list[float]]) -> float:
    """Return the median of plain searches once features are tuned to the labels."""
    jobs.perform_now(job_kinds.TUNE, dataset)
    promotion.promote_now(dataset, tuning_jobs.spec_of(dataset))
    return _median(asked)


def _by_text(dataset: Dataset) -> float | None:
    """Return the median of searches by a text, each another; None where no model that reads one was added."""
    models = (added_models.read(folder) for folder in registry.added_folders())
    reader = next((model for model in models if model.text is not None), None)
    config = feature_specs.config_named(reader.name, None, None) if reader is not None else None
    if config is None:
        return None
    promotion.promote_now(dataset, FeatureSpec.objects.for_config(config))
    numbers = count()

    def asked() -> list[float]:
        texts = [f"{WORD} {next(numbers)}" for _ in range(QUERIES)]
        documents = (QueryDocument(text=text, datasets=(dataset.slug,), k=K) for text in texts)
        return [rounds.elapsed_ms(partial(engine.answered, document)) for document in documents]

    return _median(asked)


def _median(asked: Callable[[], list[float]]) -> float:
    asked()  # warm
    return round(statistics.median([ms for _ in range(ROUNDS) for ms in asked()]), 2)
