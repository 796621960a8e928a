"""FAISS on a GPU: trains and sorts into lists there, keeps the index on the CPU, and searches a copy of it.

The packages faiss-cpu and faiss-gpu hold the same module; the second one has what needs a GPU as well, and
finds none where there is none. GPUs know flat indexes and inverted lists of whole, scalar-quantised and
product-quantised vectors. RaBitQ they do not know: its training and the sorting into lists, where the time
of a build goes, are done on the GPU all the same, since both concern whole vectors.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.types import Ids, Vectors

logger = logging.getLogger(__name__)

# of one search on a GPU: hits, and lists visited (FAISS wiki, "Faiss on the GPU")
MOST_HITS = 2_048
MOST_LISTS = 2_048
# Below this many multiplications a search on the CPU is over before a GPU's has begun.
WORTH_IT = 50_000 * 512

Move = Callable[[Any], Any]


def _faiss() -> Any:
    """Return FAISS, loaded on first use; untyped: its stubs know nothing of GPUs."""
    import faiss

    return faiss


def gpus() -> int:
    """Return how many GPUs FAISS can use here; 0 also where it was built without."""
    return int(_faiss().get_num_gpus()) if hasattr(_faiss(), "StandardGpuResources") else 0


def to_gpu(index: Any) -> Any:
    """Return a copy of a FAISS index on every GPU there is."""
    return _faiss().index_cpu_to_all_gpus(index)


def train(index: Any, vectors: Vectors, move: Move = to_gpu) -> None:
    """Train an index of inverted lists (FAISS' object), with its k-means on the GPU."""
    index.clustering_index = move(_faiss().IndexFlat(index.d, index.metric_type))
    try:
        index.train(vectors)
    finally:
        index.clustering_index = None


class Sorter:
    """Adds vectors to a trained index of inverted lists; finds the list of each on the GPU."""

    def __init__(self, index: Any, move: Move = to_gpu) -> None:
        centroids = _faiss().IndexFlat(index.d, index.metric_type)
        centroids.add(index.quantizer.reconstruct_n(0, index.nlist))
        self._index, self._centroids = index, move(centroids)

    def add(self, ids: Ids, rows: Vectors) -> None:
        """Add vectors (n, d) under their ids (n,)."""
        from faiss.contrib.ivf_tools import add_preassigned

        lists = self._centroids.search(rows, 1)[1].ravel()
        add_preassigned(self._index, rows, np.ascontiguousarray(lists), ids)


class GpuCopy:
    """A copy of a FAISS index on a GPU, for searches without a filter.

    Searches take turns: FAISS' resources of a GPU are not for several threads.
    """

    def __init__(self, index: Any, move: Move | None = None) -> None:
        self._taking_turns = threading.Lock()
        self._ids: Ids | None = None
        if isinstance(index, _faiss().IndexIDMap2):
            self._ids = _faiss().vector_to_array(index.id_map).astype(np.int64)
            index = _faiss().downcast_index(index.index)
        self.lists = int(getattr(index, "nlist", 0))
        self._copy = (move or self._moved)(index)

    def _moved(self, index: Any) -> Any:
        options = _faiss().GpuClonerOptions()
        options.indicesOptions = _faiss().INDICES_64_BIT
        self._resources = _faiss().StandardGpuResources()
        return _faiss().index_cpu_to_gpu(self._resources, 0, index, options)

    def takes(self, hits: int, lists: int) -> bool:
        """Whether a search for so many hits, that visits so many lists, can be done."""
        return hits <= MOST_HITS and lists <= MOST_LISTS

    def search(
        self, queries: Vectors, hits: int, lists: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return scores (m, hits) and ids (m, hits), padded with -1, of unit queries (m, d)."""
        options = _faiss().SearchParametersIVF(nprobe=lists) if self.lists else None
        with self._taking_turns:
            scores, ids = self._copy.search(queries, hits, params=options)
        if self._ids is not None and len(self._ids):
            ids = np.where(ids < 0, -1, self._ids[ids])
        return scores, ids


def copy_of(index: Any) -> GpuCopy | None:
    """Return a copy of a FAISS index on the GPU, or None: no GPU, not worth it, not of its kinds, no room."""
    if not gpus() or index.ntotal * index.d < WORTH_IT:
        return None
    try:
        return GpuCopy(index)
    except RuntimeError as error:
        logger.warning("Searching on the CPU: %s", str(error).strip().splitlines()[-1])
        return None
