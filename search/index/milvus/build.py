"""Builds a generation on Milvus from two readings of the vectors, in bounded memory, tuned and measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from gallery.errors import IndexDamagedError
from search.index.base import (
    IndexInputError,
    VectorBatches,
    best,
    half_precision,
    normalise,
    nothing_found,
)
from search.index.faiss.build import BuildPlan
from search.index.faiss.generation import Mean
from search.index.faiss.index import SearchEffort
from search.index.faiss.tuning import RECALL_AT, RECALL_REQUIRED, SAMPLE_QUERIES
from search.index.milvus.generation import MilvusGeneration, Published
from search.index.milvus.index import VECTOR_FIELD, Collection, IndexKind, MilvusIndex, kind_for
from search.index.milvus.store import MilvusStore
from search.types import Ids, Vectors

TIMED_QUERIES = 20
SAMPLE = 512  # as many as a snapshot wants to know the usual scores of
# Tried in this order until the wanted recall is measured; each costs about half as much again as the last.
EFFORTS = tuple(
    SearchEffort(lists, candidates)
    for lists, candidates in ((16, 200), (24, 300), (32, 400), (64, 600), (128, 1_000), (256, 2_000))
)


@dataclass
class Survey:
    """What a first reading finds: how many vectors, their centre, and a sample of them.

    The first of the sample are what the recall is measured with: `own_ids` (m,) and `queries` (m, d).
    """

    count: int
    centre: NDArray[np.float32]
    sample_ids: Ids
    sample: NDArray[np.float16]

    @property
    def own_ids(self) -> Ids:
        """The ids of the queries (m,)."""
        return self.sample_ids[:SAMPLE_QUERIES]

    @property
    def queries(self) -> Vectors:
        """Some of the sample as centred unit queries (m, d)."""
        return normalise(self.sample[:SAMPLE_QUERIES].astype(np.float32) - self.centre)


def build(
    store: MilvusStore,
    plan: BuildPlan,
    read: Callable[[int], VectorBatches],
    report: Callable[[int], None] = lambda count: None,
) -> MilvusGeneration:
    """Build, verify and publish the next generation; `read` yields ids above one and vectors.

    It is read twice, first for the centre. The old generation serves until the switch, and after a failure.
    Raises: IndexDamagedError when too little is found again, or not all is there; IndexInputError,
    IndexUnreachableError.
    """
    started = time.monotonic()
    store.sweep(plan.name)
    found = survey(read(0), plan.dims)
    kind = kind_for(found.count, store.kind)
    collection = store.create(plan.name, plan.dims)
    try:
        index = MilvusIndex(Collection(store.server, collection, plan.dims, kind), store.stored, found.centre)
        exact, last_id = _fill(index, read(0), found, report)
        seal(store, collection, kind, kind.build(index.count, plan.dims))
        counted = index.counted()
        if counted != index.count:
            raise IndexDamagedError(
                f"Milvus holds {counted} of {index.count} vectors; nothing was published."
            )
        index.effort, recall = _tuned(index, found, exact, plan.budget.recall)
        published = Published(
            spec=plan.spec,
            metric="inner_product",
            factory=_described(kind, kind.build(index.count, plan.dims)),
            kind=kind.name,
            count=index.count,
            built_count=index.count,
            last_id=last_id,
            dims=plan.dims,
            versions={"milvus": str(store.call("get_server_version")), "numpy": np.__version__},
            recall_at_10=recall,
            bytes_per_vector=index.stats().bytes_per_vector,
            latency_ms_p50=_latency_ms_p50(index, found.queries[:TIMED_QUERIES]),
            effort_lists=index.effort.lists,
            effort_candidates=index.effort.candidates,
            build_seconds=time.monotonic() - started,
            built_at=datetime.now(UTC).isoformat(),
            centre=found.centre,
            sample=found.sample_ids,
        )
        return store.publish(plan.name, collection, published)
    except BaseException:
        store.discard(collection)
        raise


def survey(batches: VectorBatches, dims: int) -> Survey:
    """Read all vectors once; the sample is drawn evenly, and the same for the same vectors.

    Source of the drawing: Vitter, "Random sampling with a reservoir", 1985, algorithm R.
    """
    random = np.random.default_rng(0)
    mean = Mean(dims)
    ids = np.full(SAMPLE, -1, dtype=np.int64)
    sample = np.zeros((SAMPLE, dims), dtype=np.float16)
    for keys, vectors in batches:
        rows = half_precision(vectors, dims)
        places = np.arange(mean.count, mean.count + len(keys))
        mean.add(rows)
        drawn = np.where(places < SAMPLE, places, random.integers(0, places + 1))
        for row in np.flatnonzero(drawn < SAMPLE):
            ids[drawn[row]], sample[drawn[row]] = keys[row], rows[row]
    kept = ids >= 0
    return Survey(mean.count, mean.centre(), ids[kept], sample[kept])


def _fill(
    index: MilvusIndex, batches: VectorBatches, found: Survey, report: Callable[[int], None]
) -> tuple[NDArray[np.float32], int]:
    """Write all vectors; return the exact scores (m, 10) of the sample's neighbours, and the last id."""
    queries, own = found.queries, found.own_ids[:, None]
    nearest = nothing_found(len(queries), RECALL_AT)
    last = -1
    for ids, vectors in batches:
        if not len(ids):
            continue
        if int(ids[0]) <= last or (np.diff(ids) <= 0).any():
            raise IndexInputError("Ids must ascend strictly: order the embeddings by primary key.")
        units = normalise(half_precision(vectors, index.dims).astype(np.float32) - found.centre)
        index.add(ids, units)
        others = np.where(ids == own, -1, ids)
        more = best(others, queries @ units.T, RECALL_AT)
        nearest = best(
            np.hstack((nearest.ids, more.ids)), np.hstack((nearest.scores, more.scores)), RECALL_AT
        )
        index.count += len(ids)
        last = int(ids[-1])
        report(index.count)
    return nearest.scores, max(last, 0)


def seal(store: MilvusStore, collection: str, kind: IndexKind, parameters: dict[str, int]) -> None:
    """Have everything written indexed and loaded; takes as long as it takes."""
    from pymilvus import MilvusClient

    wanted = MilvusClient.prepare_index_params()
    wanted.add_index(VECTOR_FIELD, index_type=kind.name, metric_type="IP", params=parameters)
    store.call("flush", collection, timeout=None)
    store.call("create_index", collection, wanted, timeout=None)
    store.call("load_collection", collection, timeout=None)


def _described(kind: IndexKind, parameters: dict[str, int]) -> str:
    words = [f"{name}={value}" for name, value in parameters.items()]
    return ",".join([f"Milvus {kind.name}", *words])


def _tuned(
    index: MilvusIndex, found: Survey, exact: NDArray[np.float32], wanted: float
) -> tuple[SearchEffort, float]:
    """Return the least effort that reaches the wanted recall, and its recall.

    Raises: IndexDamagedError when even the greatest finds too little.
    """
    recall = 0.0
    for effort in EFFORTS:
        recall = _recall(index, found, exact, effort)
        if recall >= wanted or index.collection.kind.exact:
            break
    if recall < RECALL_REQUIRED:
        raise IndexDamagedError(
            f"The new index finds only {recall:.0%} of the true neighbours and was not published: "
            "the vectors may be damaged. Run verify, then rebuild_index."
        )
    return effort, recall


def _recall(index: MilvusIndex, found: Survey, exact: NDArray[np.float32], effort: SearchEffort) -> float:
    """Return the share of hits at least as near as the tenth true neighbour, so that ties count as found."""
    wanted = np.isfinite(exact)
    if not wanted.any():
        return 1.0
    hits = index.search(found.queries, RECALL_AT + 1, effort=effort)
    own = hits.ids == found.own_ids[:, None]
    others = best(np.where(own, -1, hits.ids), hits.scores, RECALL_AT).scores
    farthest = np.where(wanted, exact, np.inf).min(axis=1)[:, None]
    return float((others >= farthest - 1e-5)[wanted].mean())


def _latency_ms_p50(index: MilvusIndex, queries: Vectors) -> float:
    """Return the median time of one search for ten, in milliseconds, re-ranking and network included."""
    times = []
    for query in queries:
        started = time.perf_counter()
        index.search(query[None], RECALL_AT)
        times.append((time.perf_counter() - started) * 1_000)
    return float(np.median(times)) if times else 0.0
