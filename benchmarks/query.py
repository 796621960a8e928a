"""A live query, warm, one client, against the original's way."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any

from benchmarks import rounds
from benchmarks.images import SAMPLES, images
from benchmarks.original import OriginalWay
from gallery import jobs
from gallery.ingest import dataset_removal
from gallery.models import Dataset
from search import job_kinds
from search.live import query as live_query
from search.live.query import SearchRequest

ROUNDS, QUERIES = 8, 10
WARM_UP = 3
K = 10


def query() -> dict[str, Any]:
    """Measure both in turn on the photographs of the sample data, each over an index of the same pictures."""
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

    def asked(search: Callable[[bytes], object], numbers: Iterator[int]) -> list[float]:
        some = [datas[next(numbers) * 7 % len(datas)] for _ in range(QUERIES)]
        return [rounds.elapsed_ms(partial(search, data)) for data in some]

    try:
        jobs.perform_now(jobs.IMPORT, dataset, path=str(folder), announce=False)
        jobs.perform_now(job_kinds.EXTRACT, dataset)
        for data in datas[:WARM_UP]:
            ours(data)
            theirs(data)
        # a count of its own each: both are asked for the same pictures
        searches = {"ours": partial(asked, ours, count()), "theirs": partial(asked, theirs, count())}
        found = rounds.in_turn(searches, ROUNDS)
    finally:
        dataset_removal.remove_dataset(dataset)
    own, other = (rounds.flat(found[name]) for name in searches)
    return {
        "query_ms_p50": round(statistics.median(own), 2),
        "query_ms_p99": round(rounds.p99(own), 2),
        "peer_query_ms_p50": round(statistics.median(other), 2),
        "peer_query_ms_p99": round(rounds.p99(other), 2),
        **rounds.compared(found["ours"], found["theirs"], less_is_better=True),
        "pictures": len(datas),
        "queries": len(own),
    }
