"""Filtered searches of an index of 100,000 synthetic vectors, which needs neither pictures nor a database."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.index.exam import Exam
from benchmarks.index.filters import filtered
from benchmarks.index.million import Collection
from search.index.faiss.build import BuildPlan, build_generation
from search.index.faiss.store import GenerationStore
from search.index.live import LiveIndex
from search.types import Vectors

COUNT, QUERIES, DIMS = 100_000, 400, 256
CLUSTERS = 1_000
DECAY = 0.985  # from one dimension to the next, as principal components fall off
BATCH = 10_000


def filtered_figures(count: int = COUNT) -> dict[str, Any]:
    """Build an index as one of a dataset is built, and return the figures of its filtered searches."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(CLUSTERS, DIMS)).astype(np.float32)
    base = _clustered(random, centres, count).astype(np.float16)
    queries = _clustered(random, centres, QUERIES)
    ids = np.arange(1, count + 1, dtype=np.int64)
    batches = ((ids[at : at + BATCH], base[at : at + BATCH]) for at in range(0, count, BATCH))
    with tempfile.TemporaryDirectory() as folder:
        generation = build_generation(
            GenerationStore(Path(folder)), BuildPlan("synthetic", {}, DIMS), batches
        )
        live = LiveIndex(generation, ids[:0], base[:0])
        nowhere: NDArray[np.int32] = np.zeros(count, dtype=np.int32)
        rows = filtered(Exam(Collection(base, queries, nowhere, nowhere, {}), live))
    return {
        "filtered_vectors": count,
        "filtered_index": generation.manifest.factory,
        "filtered_least_recall": min(row["recall_at_10"] for row in rows),
        "filtered": rows,
    }


def _clustered(random: np.random.Generator, centres: Vectors, count: int) -> Vectors:
    """Return vectors (count, d) about centres (c, d), whose spread falls off from dimension to dimension."""
    rows = centres[random.integers(len(centres), size=count)]
    rows = rows + 0.6 * random.normal(size=rows.shape).astype(np.float32)
    return np.asarray(rows * np.float32(DECAY) ** np.arange(DIMS, dtype=np.float32), dtype=np.float32)
