"""Adds 1,000 pictures to the index of the benchmark while searches go on, as a worker beside a web process.

Run as a process on the state folder: python -m benchmarks.index.additions COLLECTION. It searches, and starts
itself once more, with PACE as a second word, as the worker that stores what was extracted.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import rounds
from benchmarks.index.million import kept_queries
from benchmarks.index.rows import SLUG, WAITING
from benchmarks.processes import as_part
from search.types import Ids, Vectors
from semsearch_site import gunicorn

BATCH = 16  # as extraction stores them
PER_SECOND = 100.0
ASKED = 300  # queries, again and again: each has a usual time of its own
PASSES = 6  # before the additions, behind one that warms
ADDING_AT_MOST_S = 120.0


@dataclass
class Times:
    """Milliseconds of searches, which query each was of, and of the arithmetic behind each."""

    search: list[float] = field(default_factory=list)
    query: list[int] = field(default_factory=list)
    control: list[float] = field(default_factory=list)

    def over_twice(self, of: Times) -> dict[str, float]:
        """Return the shares of searches and arithmetic that took over twice the medians of others.

        Once the median of all searches, and once that of the same query's.
        """
        asked, usual = np.array(of.query), np.array(of.search)
        own = {number: float(np.median(usual[asked == number])) for number in set(of.query)}
        return {
            "over_twice_the_median": _over(self.search, 2 * statistics.median(of.search)),
            "over_twice_its_own_median": _over(self.search, [2 * own[number] for number in self.query]),
            "control_over_twice_the_median": _over(self.control, 2 * statistics.median(of.control)),
        }


def _over(values: list[float], limits: float | list[float]) -> float:
    return round(float(np.mean(np.array(values) > np.array(limits))), 5)


class Searches:
    """Asks queries (m, d) in turn as a web process does, each followed by arithmetic that takes as long.

    The arithmetic is always the same and needs no memory, lock or database: where it takes twice as long at
    times, that is the machine.
    """

    def __init__(self, asked: Vectors) -> None:
        self._asked, self._number = asked, 0
        usual = statistics.median(_search_ms(query)[0] for query in asked)
        self._rounds = 1_000
        once = statistics.median(self._arithmetic_ms() for _ in range(100))
        self._rounds = max(1, round(self._rounds * usual / once))

    def next(self, times: Times) -> Ids:
        """Ask the next query, note what it took, and return the ids that the generation does not have."""
        number = self._number % len(self._asked)
        self._number += 1
        ms, ids = _search_ms(self._asked[number])
        times.search.append(ms)
        times.query.append(number)
        times.control.append(self._arithmetic_ms())
        return ids

    def _arithmetic_ms(self) -> float:
        return rounds.elapsed_ms(lambda: hashlib.pbkdf2_hmac("sha256", b"", b"", self._rounds))


def added(folder: Path) -> dict[str, Any]:
    """Return how long pictures take to be found, and what searches take before and meanwhile."""
    queries = kept_queries(folder)
    asked, new = queries[: len(queries) // 2][:ASKED], queries[len(queries) // 2 :][:WAITING]
    searches, usual, adding = Searches(asked), Times(), Times()
    gunicorn.keep_what_is_loaded()
    for _ in range(PASSES * len(asked)):
        searches.next(usual)
    words = [sys.executable, "-m", "benchmarks.index.additions", str(folder), str(PER_SECOND)]
    worker = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    first_seen: dict[int, float] = {}
    began = time.monotonic()
    while len(first_seen) < len(new) and time.monotonic() - began < ADDING_AT_MOST_S:
        ids = searches.next(adding)
        now = time.time()
        for key in ids[len(first_seen) :]:
            first_seen[int(key)] = now
    stored = {int(key): at for key, at in json.loads(worker.communicate()[0].splitlines()[-1])["stored"]}
    lags = [first_seen[key] - stored[key] for key in stored]
    return {
        "added": len(stored),
        "added_found_themselves": round(_found_themselves(new), 4),
        "added_searchable_s_max": round(max(lags), 3),
        **{f"service_{key}": value for key, value in _summary(usual, usual).items()},
        **{f"adding_{key}": value for key, value in _summary(adding, usual).items()},
    }


def _summary(times: Times, usual: Times) -> dict[str, float]:
    return {
        "searches": len(times.search),
        "ms_p50": round(statistics.median(times.search), 3),
        "ms_p99": round(rounds.p99(times.search), 3),
        "ms_max": round(max(times.search), 2),
        "control_ms_p50": round(statistics.median(times.control), 3),
        "control_ms_max": round(max(times.control), 2),
        **times.over_twice(usual),
    }


def _search_ms(query: NDArray[np.float32]) -> tuple[float, Ids]:
    """Search as the site does, and return the milliseconds and the ids that the generation does not have."""
    from search.indexing import snapshots
    from search.live.finding.compiled_queries import live_indexes
    from search.live.query import QUERY_EXPANSION

    started = time.perf_counter()
    live = snapshots.searchable(live_indexes(SLUG)[0])
    live.search(query[None], 21, expansion=QUERY_EXPANSION)
    return (time.perf_counter() - started) * 1000, live.delta_ids


def _found_themselves(new: Vectors) -> float:
    """Return the share of added vectors that find themselves first."""
    from search.indexing import snapshots
    from search.models import SearchIndex

    live = snapshots.searchable(SearchIndex.objects.select_related("spec").get(dataset__slug=SLUG, live=True))
    first = live.search(new.astype(np.float16).astype(np.float32), 1).ids[:, 0]
    return float(np.isin(first, live.delta_ids).mean())


def stored_at(folder: Path, per_second: float) -> list[tuple[int, float]]:
    """Store the waiting pictures' vectors at a steady pace, and return the ids and when each was there."""
    from gallery.models import Dataset, Image
    from search.embedding.writer import store_embeddings
    from search.features import feature_specs
    from search.models import Embedding

    queries = kept_queries(folder)
    new = queries[len(queries) // 2 :][:WAITING]
    dataset = Dataset.objects.get(slug=SLUG)
    index = feature_specs.live_index(dataset)
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

    from search.indexing.backends import backend
    from search.models import Embedding, SearchIndex

    index = SearchIndex.objects.get(dataset__slug=SLUG, live=True)
    generation = backend().open_current(index.store_name, checksums=False)
    assert generation is not None
    Embedding.objects.filter(dataset=index.dataset_id, pk__gt=generation.last_id).delete()
    SearchIndex.objects.filter(pk=index.pk).update(revision=F("revision") + 1)


def main() -> dict[str, Any]:
    """Search, or store as the worker, and return what was seen."""
    import faiss
    from threadpoolctl import threadpool_limits

    folder = Path(sys.argv[1])
    if len(sys.argv) > 2:
        return {"stored": stored_at(folder, float(sys.argv[2]))}
    remove_added()
    faiss.omp_set_num_threads(1)
    sys.setswitchinterval(gunicorn.SWITCH_AFTER_S)
    with threadpool_limits(1):
        seen = added(folder)
    remove_added()
    return seen


if __name__ == "__main__":
    as_part(main)
