"""Building an index generation from a stream of vectors in bounded memory, tuned and measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.errors import IndexDamagedError
from search.index.base import IndexInputError, VectorBatches, best, checked_ids, half_precision
from search.index.faiss_index import FaissIndex, SearchEffort, factory_for, lists_for
from search.index.generation import (
    CENTRE_FILE,
    DATA_FILES,
    IDS_FILE,
    INDEX_FILE,
    READ_ROWS,
    VECTORS_FILE,
    Generation,
    Manifest,
    MappedVectors,
    centre_of,
    sha256_of,
)
from search.index.store import GenerationStore
from search.types import Ids, Vectors

RECALL_AT = 10
RECALL_WANTED = 0.99
RECALL_REQUIRED = 0.90
SAMPLE_QUERIES = 128
# Tried in this order until the wanted recall is measured; each costs about half as much again as the last.
EFFORTS = tuple(
    SearchEffort(lists, candidates)
    for lists, candidates in ((16, 200), (24, 300), (32, 400), (64, 600), (128, 1_000), (256, 2_000))
)


@dataclass(frozen=True)
class BuildPlan:
    """What to build: `spec` is the feature spec as plain JSON values, recorded in the manifest.

    `total`, when given, is the number of vectors that must arrive; `factory` overrides the choice by size.
    """

    name: str
    spec: dict[str, Any]
    dims: int
    total: int | None = None
    factory: str | None = None


def build_generation(
    store: GenerationStore,
    plan: BuildPlan,
    batches: VectorBatches,
    progress: Callable[[int], None] | None = None,
) -> Generation:
    """Build, measure and publish a generation from uncentred vectors, and return it, open.

    `batches` yields (ids (n,) int64, vectors (n, d) float16 or float32); ids ascend over all batches.
    The index holds normalise(v - centre), v rounded to float16; the centre is the mean of the vectors, or
    zero for fewer than ten: the mean of one would leave nothing of it. `progress` is called with the
    number of vectors stored so far.
    Raises: IndexInputError for wrong vectors or ids; IndexDamagedError when the result fails its checks.
    """
    return store.publish(plan.name, lambda folder: _fill(folder, plan, batches, progress))


def _fill(
    folder: Path, plan: BuildPlan, batches: VectorBatches, progress: Callable[[int], None] | None
) -> None:
    started = time.perf_counter()
    count = _store_vectors(folder, plan, batches, progress)
    stored = MappedVectors.open(folder, count, plan.dims)
    index, recall = _tuned_index(plan, stored)
    index.save(folder / INDEX_FILE)
    Manifest(
        spec=plan.spec,
        metric="inner_product",
        factory=index.factory,
        count=count,
        dims=plan.dims,
        checksums={name: sha256_of(folder / name) for name in DATA_FILES},
        versions=_versions(),
        recall_at_10=round(recall, 4),
        bytes_per_vector=round(index.stats().bytes_per_vector, 2),
        latency_ms_p50=round(_latency_ms_p50(index, stored), 4),
        effort_lists=index.effort.lists,
        effort_candidates=index.effort.candidates,
        build_seconds=round(time.perf_counter() - started, 3),
        built_at=datetime.now(UTC).isoformat(timespec="seconds"),
    ).write(folder)


def _store_vectors(
    folder: Path, plan: BuildPlan, batches: VectorBatches, progress: Callable[[int], None] | None
) -> int:
    """Write ids, float16 vectors and their centre, and return how many there were."""
    count, last = 0, -1
    total = np.zeros(plan.dims, dtype=np.float64)
    with (folder / VECTORS_FILE).open("wb") as vectors_file, (folder / IDS_FILE).open("wb") as ids_file:
        for ids, vectors in batches:
            keys, rows = checked_ids(ids), half_precision(vectors, plan.dims)
            if len(keys) != len(rows):
                raise IndexInputError(f"{len(keys)} ids came with {len(rows)} vectors.")
            if not len(keys):
                continue
            if keys[0] <= last or (np.diff(keys) <= 0).any():
                raise IndexInputError("Ids must ascend strictly: order the embeddings by primary key.")
            vectors_file.write(rows.astype("<f2", copy=False).tobytes())
            ids_file.write(keys.astype("<i8", copy=False).tobytes())
            total += rows.sum(axis=0, dtype=np.float64)
            count, last = count + len(keys), int(keys[-1])
            if progress is not None:
                progress(count)
    if plan.total is not None and count != plan.total:
        raise IndexInputError(
            f"Expected {plan.total} vectors, got {count}: they changed meanwhile, build again."
        )
    np.save(folder / CENTRE_FILE, centre_of(total, count), allow_pickle=False)
    return count


def _tuned_index(plan: BuildPlan, stored: MappedVectors) -> tuple[FaissIndex, float]:
    """Return the filled index, with the least effort that reaches the wanted recall, and its recall."""
    count = len(stored.ids)
    first = plan.factory or factory_for(count, plan.dims)
    sample = _sample(count, SAMPLE_QUERIES)
    queries, exact = _exact_neighbours(stored, sample)
    # One byte a dimension where one bit a dimension cannot tell the vectors apart.
    factories = [first] if first == "Flat" or plan.factory else [first, f"IVF{lists_for(count)},SQ8"]
    recall = 0.0
    for factory in dict.fromkeys(factories):
        index = _filled_index(factory, stored)
        for effort in EFFORTS:
            index.effort = effort
            recall = _recall(index, queries, stored.ids[sample], exact)
            if recall >= RECALL_WANTED or not index.lists:
                return index, recall
        if recall >= RECALL_REQUIRED:
            return index, recall
    raise IndexDamagedError(
        f"The new index finds only {recall:.0%} of the true neighbours and was not published: "
        "the vectors may be damaged. Run verify, then rebuild_index."
    )


def _filled_index(factory: str, stored: MappedVectors) -> FaissIndex:
    count, dims = stored.matrix.shape
    index = FaissIndex(dims, factory, exact=None if factory == "Flat" else stored)
    if index.training_size:
        rows = _sample(count, index.training_size)
        index.train(stored.units(stored.ids[rows]))
    for start, block in _blocks(stored):
        index.add(stored.ids[start : start + len(block)], block)
    return index


def _blocks(stored: MappedVectors) -> Iterator[tuple[int, Vectors]]:
    for start in range(0, len(stored.ids), READ_ROWS):
        yield start, stored.units_between(start, start + READ_ROWS)


def _sample(count: int, size: int) -> NDArray[np.int64]:
    """Return up to `size` different rows, ascending, the same at every build."""
    if size >= count:
        return np.arange(count, dtype=np.int64)
    return np.sort(np.random.default_rng(0).choice(count, size, replace=False))


def _exact_neighbours(
    stored: MappedVectors, sample: NDArray[np.int64]
) -> tuple[Vectors, NDArray[np.float32]]:
    """Return sampled queries (m, d) and the exact scores (m, 10) of their neighbours, themselves left out."""
    own = stored.ids[sample]
    queries = stored.units(own)
    found = best(
        np.empty((len(own), 0), dtype=np.int64), np.empty((len(own), 0), dtype=np.float32), RECALL_AT
    )
    for start, block in _blocks(stored):
        scores = queries @ block.T
        ids = np.broadcast_to(stored.ids[start : start + len(block)], scores.shape)
        others = best(np.where(ids == own[:, None], -1, ids), scores, RECALL_AT)
        found = best(np.hstack((found.ids, others.ids)), np.hstack((found.scores, others.scores)), RECALL_AT)
    return queries, found.scores


def _recall(index: FaissIndex, queries: Vectors, own: Ids, exact: NDArray[np.float32]) -> float:
    """Return the share of hits at least as near as the tenth true neighbour, so that ties count as found."""
    wanted = np.isfinite(exact)
    if not wanted.any():
        return 1.0
    found = index.search(queries, RECALL_AT + 1)
    others = best(np.where(found.ids == own[:, None], -1, found.ids), found.scores, RECALL_AT).scores
    farthest = np.where(wanted, exact, np.inf).min(axis=1)[:, None]
    return float((others >= farthest - 1e-5)[wanted].mean())


def _latency_ms_p50(index: FaissIndex, stored: MappedVectors) -> float:
    """Return the median time of one search for ten, re-ranking included, in milliseconds."""
    queries = stored.units(stored.ids[_sample(len(stored.ids), 50)])
    times = []
    for query in queries:
        started = time.perf_counter()
        index.search(query[None], RECALL_AT)
        times.append((time.perf_counter() - started) * 1_000)
    return float(np.median(times)) if times else 0.0


def _versions() -> dict[str, str]:
    import faiss

    return {"faiss": faiss.__version__, "numpy": np.__version__}
