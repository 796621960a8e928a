"""Adds 1,000 pictures to the index of the benchmark while searches go on, as a worker beside a web process.

Run as a process on the state folder: python -m benchmarks.index_additions COLLECTION. It searches, and starts
itself once more, with PACE as a second word, as the worker that stores what was extracted.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import rounds
from benchmarks.index_rows import SLUG, WAITING
from benchmarks.million import kept_queries
from search.types import Vectors

BATCH = 16  # as extraction stores them
PER_SECOND = 100.0
BEFORE = 1_500  # searches


def added(folder: Path) -> dict[str, Any]:
    """Return how long pictures take to be found, and what searches take before and meanwhile."""
    queries = kept_queries(folder)
    asked, new = queries[: len(queries) // 2], queries[len(queries) // 2 :][:WAITING]
    usual = [_search_ms(asked, number)[0] for number in range(BEFORE)][BEFORE // 5 :]
    words = [sys.executable, "-m", "benchmarks.index_additions", str(folder), str(PER_SECOND)]
    worker = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    times: list[float] = []
    first_seen: dict[int, float] = {}
    number = 0
    while len(first_seen) < len(new):
        ended = worker.poll() is not None
        ms, ids = _search_ms(asked, number)
        now = time.time()
        times.append(ms)
        number += 1
        for key in ids[len(first_seen) :] if len(ids) > len(first_seen) else ():
            first_seen[int(key)] = now
        if ended and number > 1_000_000:
            break
    stored = {int(key): at for key, at in json.loads(worker.communicate()[0].splitlines()[-1])}
    lags = [first_seen[key] - stored[key] for key in stored]
    median = statistics.median(usual)
    return {
        "added": len(stored),
        "added_found_themselves": round(_found_themselves(new), 4),
        "added_searchable_s_max": round(max(lags), 3),
        "service_ms_p50": round(median, 3),
        "service_ms_p99": round(rounds.p99(usual), 3),
        "service_ms_max": round(max(usual), 2),
        "adding_ms_p50": round(statistics.median(times), 3),
        "adding_ms_p99": round(rounds.p99(times), 3),
        "adding_ms_max": round(max(times), 2),
        "adding_over_twice_the_median": round(float(np.mean(np.array(times) > 2 * median)), 5),
        "usual_over_twice_the_median": round(float(np.mean(np.array(usual) > 2 * median)), 5),
        "adding_searches": len(times),
    }


def _search_ms(asked: Vectors, number: int) -> tuple[float, np.ndarray[Any, np.dtype[np.int64]]]:
    """Search as the site does, and return the milliseconds and the ids that the generation does not have."""
    from search.models import SearchIndex
    from search.services import indexing
    from search.services.querying import QUERY_EXPANSION

    started = time.perf_counter()
    index = SearchIndex.objects.select_related("spec").get(dataset__slug=SLUG, live=True)
    live = indexing.searchable(index)
    live.search(asked[number % len(asked)][None], 21, expansion=QUERY_EXPANSION)
    return (time.perf_counter() - started) * 1000, live.delta_ids


def _found_themselves(new: Vectors) -> float:
    """Return the share of added vectors that find themselves first."""
    from search.models import SearchIndex
    from search.services import indexing

    live = indexing.searchable(SearchIndex.objects.select_related("spec").get(dataset__slug=SLUG, live=True))
    first = live.search(new.astype(np.float16).astype(np.float32), 1).ids[:, 0]
    return float(np.isin(first, live.delta_ids).mean())


def stored_at(folder: Path, per_second: float) -> list[tuple[int, float]]:
    """Store the waiting pictures' vectors at a steady pace, and return the ids and when each was there."""
    from gallery.models import Dataset, Image
    from search.models import Embedding
    from search.services import features
    from search.services.embedding_rows import store_embeddings

    queries = kept_queries(folder)
    new = queries[len(queries) // 2 :][:WAITING]
    dataset = Dataset.objects.get(slug=SLUG)
    index = features.live_index(dataset)
    last = Embedding.objects.filter(dataset=dataset).order_by("pk").values_list("pk", flat=True).last() or 0
    waiting = np.fromiter(
        Image.objects.filter(dataset=dataset, embeddings__isnull=True)
        .order_by("pk")
        .values_list("pk", flat=True)[: len(new)],
        dtype=np.int64,
    )
    when: list[tuple[int, float]] = []
    began = time.monotonic()
    for start in range(0, len(waiting), BATCH):
        store_embeddings(index, waiting[start : start + BATCH], new[start : start + BATCH])
        now = time.time()
        keys = Embedding.objects.filter(dataset=dataset, pk__gt=last).order_by("pk")
        when += [(key, now) for key in keys.values_list("pk", flat=True)]
        last = when[-1][0]
        time.sleep(max(0.0, began + (start + BATCH) / per_second - time.monotonic()))
    return when


def remove_added() -> None:
    """Take the embeddings out again that are newer than the generation."""
    from django.db.models import F

    from search.models import Embedding, SearchIndex
    from search.services.backends import backend

    index = SearchIndex.objects.get(dataset__slug=SLUG, live=True)
    generation = backend().open_current(index.store_name, checksums=False)
    assert generation is not None
    Embedding.objects.filter(dataset=index.dataset_id, pk__gt=generation.last_id).delete()
    SearchIndex.objects.filter(pk=index.pk).update(revision=F("revision") + 1)


def main() -> None:
    """Search, or store as the worker, and print what was seen as JSON."""
    import django
    import faiss
    from threadpoolctl import threadpool_limits

    django.setup()
    folder = Path(sys.argv[1])
    if len(sys.argv) > 2:
        print(json.dumps(stored_at(folder, float(sys.argv[2]))))
        return
    remove_added()
    faiss.omp_set_num_threads(1)
    with threadpool_limits(1):
        print(json.dumps(added(folder)))
    remove_added()


if __name__ == "__main__":
    main()
