"""Finds by measurement how hard an index must look for a wanted recall."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from search.index.base import NO_ID, best
from search.index.faiss.index import FaissIndex, SearchEffort
from search.index.faiss.stored_vectors import MappedVectors
from search.types import Ids, TrialFacts, Vectors

RECALL_AT = 10
RECALL_WANTED = 0.99
RECALL_REQUIRED = 0.90
SAMPLE_QUERIES = 128  # to report with
TUNING_QUERIES = 512  # to tune with; the half of them that lie farther from all others counts
TIMED_QUERIES = 64
SEED = 0
BLOCK_ROWS = 8_192  # vectors read at a time

LISTS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096)
MARGINS = tuple(round(0.1 * 1.06**step, 4) for step in range(48))
CANDIDATES = (40, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
# Hits of the first page that count as if they were not there where candidates are chosen: those of a picture
# that is in the index are its like, told apart from the rest by codes that do not tell strangers apart.
SELF_SIMILAR = 24
MORE_TRIED = 3  # steps of lists beyond the first that can do it: more lists may need fewer candidates


@dataclass(frozen=True)
class RecallSample:
    """Queries (m, d) out of an index, their own ids (m,), and the exact scores (m, 10) of the others."""

    queries: Vectors
    own_ids: Ids
    exact: NDArray[np.float32]

    def hardest_half(self) -> RecallSample:
        """Return the queries whose tenth neighbour is farthest.

        What is searched with later is new, and lies farther from what is held than that from each other.
        """
        last = np.where(np.isfinite(self.exact), self.exact, np.inf).min(axis=1, initial=np.inf)
        order = np.argsort(last, kind="stable")[: -(-len(self.own_ids) // 2)]
        return RecallSample(self.queries[order], self.own_ids[order], self.exact[order])

    def places(self, ids: NDArray[np.int64], scores: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the places (m, 10) among the proposed (m, c) of the ten nearest but for the query's like.

        That and itself are counted out, as if not proposed; where there are no ten, places are 0.
        """
        order = np.argsort(np.where(ids == NO_ID, np.inf, -scores), axis=1, kind="stable")
        gone, near = order[:, : SELF_SIMILAR + 1], order[:, SELF_SIMILAR + 1 : SELF_SIMILAR + 1 + RECALL_AT]
        places = near - (gone[:, None, :] < near[:, :, None]).sum(axis=2)
        return np.where(np.take_along_axis(ids, near, 1) == NO_ID, 0, places)

    def recall(self, ids: NDArray[np.int64], scores: NDArray[np.float32]) -> float:
        """Return the share of finds (m, c) at least as near as the tenth neighbour: ties count as found."""
        wanted = np.isfinite(self.exact)
        if not wanted.any():
            return 1.0
        others = best(np.where(ids == self.own_ids[:, None], NO_ID, ids), scores, RECALL_AT).scores
        farthest = np.where(wanted, self.exact, np.inf).min(axis=1)[:, None]
        return float((others >= farthest - 1e-5)[wanted].mean())


@dataclass(frozen=True)
class Trial:
    """What one kind of index was measured to do; kept in the manifest."""

    factory: str
    count: int
    bytes_per_vector: float
    recall_at_10: float
    effort_lists: int
    effort_candidates: int
    effort_margin: float
    query_ms: float

    @property
    def effort(self) -> SearchEffort:
        """How hard it looked."""
        return SearchEffort(self.effort_lists, self.effort_candidates, self.effort_margin)

    def as_facts(self) -> TrialFacts:
        """Return plain values."""
        return {
            "factory": self.factory,
            "count": self.count,
            "bytes_per_vector": self.bytes_per_vector,
            "recall_at_10": self.recall_at_10,
            "effort_lists": self.effort_lists,
            "effort_candidates": self.effort_candidates,
            "effort_margin": self.effort_margin,
            "query_ms": self.query_ms,
        }


def recall_samples(
    stored: MappedVectors, sizes: tuple[int, int], rows: int | None = None
) -> tuple[RecallSample, RecallSample]:
    """Return two samples of different queries among the first `rows` vectors, or all."""
    count = len(stored.ids) if rows is None else min(rows, len(stored.ids))
    chosen = sampled_rows(count, sum(sizes))
    mixed = np.random.default_rng(SEED).permutation(len(chosen))
    own_ids = stored.ids[chosen]
    queries = stored.units(own_ids)
    exact = _exact_scores(stored, queries, own_ids, count)
    both = np.split(mixed, [min(sizes[0], len(mixed) // 2 if len(mixed) < sum(sizes) else sizes[0])])
    first, second = (RecallSample(queries[part], own_ids[part], exact[part]) for part in both)
    return first, second if len(second.own_ids) else first


def sampled_rows(count: int, size: int) -> NDArray[np.int64]:
    """Return up to `size` different rows, ascending, the same at every build."""
    if size >= count:
        return np.arange(count, dtype=np.int64)
    return np.sort(np.random.default_rng(SEED).choice(count, size, replace=False))


def blocks(stored: MappedVectors, count: int, size: int = BLOCK_ROWS) -> Iterator[tuple[Ids, Vectors]]:
    """Yield ids and centred unit vectors of the first `count` rows."""
    for start in range(0, count, size):
        stop = min(count, start + size)
        yield stored.ids[start:stop], stored.units_between(start, stop)


def _exact_scores(stored: MappedVectors, queries: Vectors, own_ids: Ids, count: int) -> NDArray[np.float32]:
    import faiss

    wanted = min(RECALL_AT + 1, count)
    found = np.empty((len(queries), 0), dtype=np.int64)
    scores = np.empty((len(queries), 0), dtype=np.float32)
    for ids, block in blocks(stored, count):
        near, rows = faiss.knn(queries, block, min(wanted, len(ids)), metric=faiss.METRIC_INNER_PRODUCT)
        together = best(np.hstack((found, ids[rows])), np.hstack((scores, near)), RECALL_AT + 1)
        found, scores = together.ids, together.scores
    return best(np.where(found == own_ids[:, None], NO_ID, found), scores, RECALL_AT).scores


def tuned(index: FaissIndex, sample: RecallSample, wanted: float) -> Trial:
    """Return the fastest effort that reaches a recall, or else the greatest there is, measured.

    Where as many lists are visited for every query, the harder half of the queries has to be served; where
    they are chosen by a margin, such queries get more lists by themselves. Candidates are always chosen for
    the harder half: without the query's like they may miss half of what may be missed.
    """
    able: list[tuple[SearchEffort, float]] = []
    effort, recall = SearchEffort(1, 1), 0.0
    for lists in (*(n for n in LISTS if n < index.most_lists), index.most_lists):
        effort, recall, does = _fewest_candidates(index, sample, SearchEffort(lists), wanted)
        if does:
            able.append((effort, recall))
        if len(able) > MORE_TRIED or lists >= LISTS[-1]:
            break
    trials = [_trial(index, *one, sample) for one in able or [(effort, recall)]]
    fastest = min(trials, key=lambda trial: trial.query_ms)
    if not able or not index.lists:
        return fastest
    narrowed = by_margin(index, sample, fastest.effort_lists, wanted)
    return min((fastest, *narrowed), key=lambda trial: trial.query_ms)


def by_margin(index: FaissIndex, sample: RecallSample, lists: int, wanted: float) -> list[Trial]:
    """Return trials of the least margins that do, instead of so many lists."""

    def found(place: int) -> tuple[SearchEffort, float, bool]:
        return _fewest_candidates(index, sample, SearchEffort(lists, margin=MARGINS[place]), wanted)

    first = bisect_left(range(len(MARGINS)), True, key=lambda place: found(place)[2])
    places = range(first, min(len(MARGINS), first + 1 + MORE_TRIED))
    return [_trial(index, effort, recall, sample) for effort, recall, does in map(found, places) if does]


def _fewest_candidates(
    index: FaissIndex, sample: RecallSample, effort: SearchEffort, wanted: float
) -> tuple[SearchEffort, float, bool]:
    """Return an effort with the fewest candidates that do, its recall, and whether it does."""
    harder = sample.hardest_half()
    asked = sample if effort.margin else harder
    ids, scores = index.proposals(asked.queries, replace(effort, candidates=CANDIDATES[-1]))
    hard = np.isin(asked.own_ids, harder.own_ids)
    places = asked.places(ids, scores)[hard]
    enough = [some for some in CANDIDATES if (places < some).mean() >= (1 + wanted) / 2]
    candidates = enough[0] if enough else CANDIDATES[-1]
    recall = asked.recall(ids[:, :candidates], scores[:, :candidates])
    return replace(effort, candidates=candidates), recall, bool(enough) and recall >= wanted


def _trial(index: FaissIndex, effort: SearchEffort, recall: float, sample: RecallSample) -> Trial:
    return Trial(
        factory=index.factory,
        count=index.count,
        bytes_per_vector=round(index.stats().bytes_per_vector, 2),
        recall_at_10=round(recall, 4),
        effort_lists=effort.lists,
        effort_candidates=effort.candidates,
        effort_margin=effort.margin,
        query_ms=round(median_ms(index, sample.queries[:TIMED_QUERIES], effort), 4),
    )


def median_ms(index: FaissIndex, queries: Vectors, effort: SearchEffort) -> float:
    """Return the median processor time of one search for ten, re-ranking included, in milliseconds.

    By the clock of this thread, which does all of it: other work on the machine hardly changes it.
    """
    times = []
    with one_thread():
        for query in queries:
            started = time.thread_time()
            index.search(query[None], RECALL_AT, effort=effort)
            times.append((time.thread_time() - started) * 1_000)
    return float(np.median(times)) if times else 0.0


@contextmanager
def one_thread() -> Iterator[None]:
    """Let FAISS search with the calling thread alone, as web processes do."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
