"""What a vector costs on a Milvus server, beside FAISS in this process, in one run.

    python -m benchmarks.index.milvus --count 200000 --kind IVF_SQ8

starts the standalone server of the tests (`tests/install_services.sh`), or asks the one that `--uri` names,
and prints JSON. The vectors are clustered random ones: they cost what real ones cost.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.machine import described, load, machine
from search.index.base import normalise
from search.index.faiss.build import BuildPlan, build_generation
from search.index.faiss.store import GenerationStore
from search.index.milvus import build as milvus_build
from search.index.milvus.connection import MilvusServer, client
from search.index.milvus.generation import MilvusGeneration
from search.index.milvus.index import VECTOR_FIELD
from search.index.milvus.store import MilvusStore
from search.types import Ids, Vectors
from tests.support import milvus_server

BATCH = 4_096
QUERIES = 200
SPREAD = 0.6  # of vectors around their cluster's centre


class Kept:
    """Vectors in memory, in the place of the database; ids are 1, 2, 3 and so on."""

    def __init__(self, count: int, dims: int) -> None:
        random = np.random.default_rng(0)
        spectrum = 0.99 ** np.arange(dims)
        centres = random.normal(size=(1_000, dims)).astype(np.float32)
        self.vectors = np.empty((count, dims), dtype=np.float16)
        for start in range(0, count, BATCH):
            rows = min(BATCH, count - start)
            noise = SPREAD * random.normal(size=(rows, dims)).astype(np.float32)
            self.vectors[start : start + rows] = (
                centres[random.integers(1_000, size=rows)] + noise
            ) * spectrum

    def read(self, ids: Ids) -> tuple[Ids, NDArray[np.float16]]:
        """Return vectors by ascending ids."""
        found = np.unique(ids)
        return found, self.vectors[found - 1]

    def queries(self, centre: NDArray[np.float32]) -> Vectors:
        """Return some of them as unit queries (m, d)."""
        step = max(1, len(self.vectors) // QUERIES)
        return normalise(self.vectors[::step][:QUERIES].astype(np.float32) - centre)

    def batches(self, after: int = 0) -> Iterator[tuple[Ids, NDArray[np.float16]]]:
        """Yield all vectors."""
        for start in range(after, len(self.vectors), BATCH):
            rows = self.vectors[start : start + BATCH]
            yield np.arange(start + 1, start + 1 + len(rows), dtype=np.int64), rows


def measure(server: MilvusServer, kept: Kept, kind: str, process: psutil.Process | None) -> dict[str, Any]:
    """Build an index on Milvus, search it, change it and drop it; return what each took."""
    store = MilvusStore(server, kept, prefix=f"bench{int(time.time())}", kind=kind)
    count, dims = kept.vectors.shape
    before = _memory(process)
    with _stopped() as build:
        generation = milvus_build.build(store, BuildPlan("1-1", {}, dims), kept.batches)
    facts = generation.facts()
    held = _memory(process) - before
    queries = kept.queries(generation.centre)
    found = {
        "factory": facts["factory"],
        "recall_at_10": round(facts["recall_at_10"], 4),
        "lists": facts["effort_lists"],
        "build_seconds": round(build(), 1),
        "server_bytes_per_vector": round(held / count),
        "bytes_per_vector_by_formula": round(facts["bytes_per_vector"]),
        "search_ms": _times(lambda query: generation.search(query, 10), queries),
        "bare_bounded_ms": _bare(generation, "Bounded", queries),
        "bare_strong_ms": _bare(generation, "Strong", queries[:20]),
    }
    with _stopped() as taking_in:
        # what is written a second time is new to Milvus
        changed = generation.applied([next(kept.batches())], np.arange(count - 99, count + 1))
    found["take_in_4096_seconds"] = round(taking_in(), 2)
    found["search_ms_after"] = _times(lambda query: changed.search(query, 10), queries)
    store.drop("1-1")
    return found


def faiss(kept: Kept) -> dict[str, Any]:
    """Build and search the same on FAISS in this process."""
    plan = BuildPlan("1-1", {}, kept.vectors.shape[1])
    with tempfile.TemporaryDirectory() as folder:
        with _stopped() as build:
            generation = build_generation(GenerationStore(Path(folder)), plan, kept.batches())
        facts = generation.facts()
        queries = kept.queries(generation.centre)
        return {
            "factory": facts["factory"],
            "recall_at_10": round(facts["recall_at_10"], 4),
            "build_seconds": round(build(), 1),
            "search_ms": _times(lambda query: generation.search(query, 10), queries),
        }


def _bare(generation: MilvusGeneration, consistency: str, queries: Vectors) -> dict[str, float]:
    """Return what Milvus itself takes to find ten, at a level of consistency."""
    index = generation.index
    parameters = index.collection.kind.search(index.effort, 10)

    def ask(query: Vectors) -> Any:
        return client(generation.server).search(
            generation.collection,
            data=list(query),
            anns_field=VECTOR_FIELD,
            limit=10,
            search_params={"metric_type": "IP", "params": parameters},
            consistency_level=consistency,
        )

    return _times(ask, queries)


def _times(search: Callable[[Vectors], Any], queries: Vectors) -> dict[str, float]:
    times = []
    for query in queries:
        with _stopped() as taken:
            search(query[None])
        times.append(taken() * 1_000)
    return {"p50": round(float(np.median(times)), 2), "p99": round(float(np.percentile(times, 99)), 2)}


@contextmanager
def _stopped() -> Iterator[Callable[[], float]]:
    """Yield a function that tells, once the block has ended, how many seconds it took."""
    began = time.perf_counter()
    ended = began
    yield lambda: ended - began
    ended = time.perf_counter()


def _memory(process: psutil.Process | None) -> int:
    """Return the resident bytes of a server with its children; 0 for one elsewhere."""
    if process is None:
        return 0
    return sum(int(one.memory_info().rss) for one in [process, *process.children(recursive=True)])


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--uri", help="a Milvus that runs already")
    options.add_argument("--token", default="")
    options.add_argument("--count", type=int, default=100_000)
    options.add_argument("--dims", type=int, default=512)
    options.add_argument("--kind", default="auto", help="of index: auto, FLAT, IVF_SQ8, HNSW, …")
    given = options.parse_args()
    busy = load()
    kept = Kept(given.count, given.dims)
    if given.uri:
        ours = measure(MilvusServer(given.uri, given.token, 60.0), kept, given.kind, None)
    else:
        process = milvus_server.MilvusProcess(pace={})
        process.start()
        try:
            server = MilvusServer(process.uri, milvus_server.TOKEN, 60.0)
            ours = measure(server, kept, given.kind, process.watched())
        finally:
            process.stop()
    print(
        json.dumps(
            {
                "machine": described(machine()),
                "load_before": busy,
                "count": given.count,
                "dims": given.dims,
                "milvus": ours,
                "faiss": faiss(kept),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
