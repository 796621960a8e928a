"""FAISS on a GPU: learns and sorts into lists there, keeps the index on the CPU, and searches a copy of it.

The packages faiss-cpu and faiss-gpu hold the same module; the second one has what needs a GPU as well, and
finds none where there is none. GPUs search flat indexes and inverted lists of whole, scalar-quantised and
product-quantised vectors. Bits (RaBitQ) and fast scans they do not search; their lists are learned on the GPU
all the same, which is where much of the time of a build goes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.types import Ids, Vectors

logger = logging.getLogger(__name__)

# of one search on a GPU: hits, and lists visited (FAISS wiki, "Faiss on the GPU")
MOST_HITS = 2_048
MOST_LISTS = 2_048
# Below this many numbers a search on the CPU is over before a GPU's has begun.
WORTH_IT = 20_000 * 512

Move = Callable[[Any], Any]


def gpus() -> int:
    """Return how many GPUs FAISS can use here; 0 also where it was built without."""
    faiss = _faiss()
    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0


def to_gpu(index: Any) -> Any:
    """Return a copy of a FAISS index on every GPU there is."""
    return _faiss().index_cpu_to_all_gpus(index)


@contextmanager
def learning(ivf: Any, move: Move | None = None) -> Iterator[None]:
    """Let lists of an index (FAISS' object) trained meanwhile be learned on a GPU, if there is one."""
    if ivf is None or (move is None and not gpus()):
        yield
        return
    ivf.clustering_index = (move or to_gpu)(_faiss().IndexFlat(ivf.d, ivf.metric_type))
    try:
        yield
    finally:
        ivf.clustering_index = None


class Sorter:
    """Adds vectors to a trained index of inverted lists (FAISS' object); the GPU finds the list of each."""

    def __init__(self, index: Any, move: Move = to_gpu) -> None:
        faiss = _faiss()
        self._index, self._ivf = index, faiss.extract_index_ivf(index)
        centroids = faiss.IndexFlat(self._ivf.d, self._ivf.metric_type)
        centroids.add(self._ivf.quantizer.reconstruct_n(0, self._ivf.nlist))
        self._centroids = move(centroids)

    @staticmethod
    def takes(index: Any) -> bool:
        """Whether vectors can be put into chosen lists of an index: those of fast scans would break."""
        return _kind(_faiss().extract_index_ivf(index)) in (
            "IndexIVFFlat",
            "IndexIVFScalarQuantizer",
            "IndexIVFPQ",
            "IndexIVFRaBitQ",
        )

    def add(self, ids: Ids, rows: Vectors) -> None:
        """Add vectors (n, d) under their ids (n,)."""
        from faiss.contrib.ivf_tools import add_preassigned

        faiss = _faiss()
        if isinstance(self._index, faiss.IndexPreTransform):
            for place in range(self._index.chain.size()):
                rows = faiss.downcast_VectorTransform(self._index.chain.at(place)).apply(rows)
        lists = np.ascontiguousarray(self._centroids.search(rows, 1)[1].ravel())
        add_preassigned(self._ivf, rows, lists, ids)
        self._index.ntotal = self._ivf.ntotal


def sorter_of(index: Any) -> Sorter | None:
    """Return what adds to an index with the GPU's help, or None: no GPU, or not of its kinds."""
    return Sorter(index) if gpus() and Sorter.takes(index) else None


class GpuCopy:
    """A copy of a FAISS index on a GPU, for searches without a filter.

    Searches take turns: FAISS' resources of a GPU are not for several threads.
    """

    def __init__(self, index: Any, move: Move | None = None) -> None:
        faiss = _faiss()
        self._taking_turns = threading.Lock()
        self._ids: Ids | None = None
        if isinstance(index, faiss.IndexIDMap2):
            self._ids = faiss.vector_to_array(index.id_map).astype(np.int64)
            index = faiss.downcast_index(index.index)
        self.lists = int(getattr(index, "nlist", 0))
        self._copy = (move or self._moved)(index)

    def _moved(self, index: Any) -> Any:
        faiss = _faiss()
        options = faiss.GpuClonerOptions()
        options.indicesOptions = faiss.INDICES_64_BIT
        self._resources = faiss.StandardGpuResources()
        return faiss.index_cpu_to_gpu(self._resources, 0, index, options)

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
    faiss = _faiss()
    if not gpus() or index.ntotal * index.d < WORTH_IT:
        return None
    inner = index.index if isinstance(index, faiss.IndexIDMap2) else index
    if _kind(inner) not in (
        "IndexFlat",
        "IndexFlatIP",
        "IndexIVFFlat",
        "IndexIVFScalarQuantizer",
        "IndexIVFPQ",
    ):
        return None
    try:
        return GpuCopy(index)
    except RuntimeError as error:
        logger.warning("Searching on the CPU: %s", str(error).strip().splitlines()[-1])
        return None


def _kind(index: Any) -> str:
    """Return the name of the very class of an index."""
    return type(_faiss().downcast_index(index)).__name__


def _faiss() -> Any:
    """Return FAISS, loaded on first use; untyped: its stubs know nothing of GPUs."""
    import faiss

    return faiss
