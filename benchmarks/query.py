"""A live query, warm, one client, against the original's way."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.original import OriginalWay
from benchmarks.pictures import SAMPLES, pictures
from gallery import jobs, removing
from gallery.models import Dataset, Job
from search.services import querying
from search.services.querying import SearchRequest

ROUNDS = 60
WARM_UP = 3
K = 10


def query() -> dict[str, Any]:
    """Measure both in turn on the photographs of the sample data, each over an index of the same pictures."""
    folder = SAMPLES / "objects200"
    datas = [file.read_bytes() for file in pictures(folder)]
    original = OriginalWay()
    for data in datas:
        original.add(data)
    dataset = Dataset.objects.create(slug=f"benchmark-{os.getpid()}", name="Benchmark")
    try:
        jobs.perform_now(Job.Kind.IMPORT, dataset, path=str(folder), announce=False)
        jobs.perform_now(Job.Kind.EXTRACT, dataset)
        ours, theirs = [], []
        for number in range(ROUNDS + WARM_UP):
            data = datas[number * 7 % len(datas)]
            request = SearchRequest(data=data, dataset=dataset.slug, k=K)
            ours.append(_ms(partial(querying.search, request)))
            theirs.append(_ms(partial(original.query, data, K)))
    finally:
        removing.remove_dataset(dataset)
    ours, theirs = ours[WARM_UP:], theirs[WARM_UP:]
    return {
        "query_ms_p50": round(statistics.median(ours), 2),
        "query_ms_p99": round(float(np.percentile(ours, 99)), 2),
        "peer_query_ms_p50": round(statistics.median(theirs), 2),
        "ratio": round(statistics.median(theirs) / statistics.median(ours), 2),
        "pictures": len(datas),
        "rounds": ROUNDS,
    }


def _ms(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000
