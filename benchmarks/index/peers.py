"""Other indexes of the same vectors, to measure ours beside: FAISS' flat one and HNSW, hnswlib and usearch.

They hold unit vectors of which the centre was taken, as ours does, and are asked for inner products. Graphs
take long to build and are kept.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.needs import Need
from search.types import Vectors

Rows = NDArray[np.int64]
LINKS = 16
BUILD_EFFORT = 100
BLOCK = 10_000  # vectors added at a time
THREADS = 2  # of a build; searches take one


class Peer(ABC):
    """One other index; rows are its ids."""

    name: str
    file: str
    efforts: Sequence[int] = tuple(round(16 * 1.1**step) for step in range(44))
    effort: int = 0

    def prepare(self, units: Callable[[int, int], Vectors], count: int, folder: Path) -> None:
        """Build it from `units(start, stop)` and keep it, unless it is kept already."""
        path = folder / self.file
        if not path.exists():
            aside = path.with_suffix(".part")
            self._begin(units(0, 1).shape[1], count)
            for start in range(0, count, BLOCK):
                self._add(units(start, min(count, start + BLOCK)), start)
            self._write(aside)
            aside.rename(path)

    @abstractmethod
    def load(self, folder: Path, count: int, dims: int) -> None:
        """Open what is kept."""

    @abstractmethod
    def find(self, query: Vectors, k: int) -> Rows:
        """Return the rows (k,) nearest to one query (1, d), with one thread."""

    @abstractmethod
    def _begin(self, dims: int, count: int) -> None: ...

    @abstractmethod
    def _add(self, units: Vectors, first: int) -> None: ...

    @abstractmethod
    def _write(self, path: Path) -> None: ...


class FaissPeer(Peer):
    """An index of a FAISS factory string."""

    def __init__(self, name: str, factory: str, efforts: Sequence[int]) -> None:
        self.name, self.factory, self.efforts = name, factory, efforts
        self.file = f"{factory}.faiss"
        self._index: Any = None

    def _begin(self, dims: int, count: int) -> None:
        import faiss

        faiss.omp_set_num_threads(THREADS)
        self._index = faiss.index_factory(dims, self.factory, faiss.METRIC_INNER_PRODUCT)

    def _add(self, units: Vectors, first: int) -> None:
        self._index.add(units)

    def _write(self, path: Path) -> None:
        import faiss

        faiss.write_index(self._index, str(path))

    def load(self, folder: Path, count: int, dims: int) -> None:
        """Read the file."""
        import faiss

        self._index = faiss.read_index(str(folder / self.file))

    def find(self, query: Vectors, k: int) -> Rows:
        """Return the nearest rows."""
        if self.effort:
            self._index.hnsw.efSearch = self.effort
        return np.asarray(self._index.search(query, k)[1][0])


class HnswlibPeer(Peer):
    """hnswlib, whose vectors are float32."""

    name = f"hnswlib M={LINKS}"
    file = f"hnswlib-{LINKS}-{BUILD_EFFORT}.bin"

    def __init__(self) -> None:
        self._index: Any = None

    def _begin(self, dims: int, count: int) -> None:
        import hnswlib

        self._index = hnswlib.Index(space="ip", dim=dims)
        self._index.init_index(max_elements=count, ef_construction=BUILD_EFFORT, M=LINKS, random_seed=100)
        self._index.set_num_threads(THREADS)

    def _add(self, units: Vectors, first: int) -> None:
        self._index.add_items(units, np.arange(first, first + len(units)))

    def _write(self, path: Path) -> None:
        self._index.save_index(str(path))

    def load(self, folder: Path, count: int, dims: int) -> None:
        """Read the file."""
        import hnswlib

        self._index = hnswlib.Index(space="ip", dim=dims)
        self._index.load_index(str(folder / self.file), max_elements=count)
        self._index.set_num_threads(1)

    def find(self, query: Vectors, k: int) -> Rows:
        """Return the nearest rows."""
        self._index.set_ef(self.effort)
        return np.asarray(self._index.knn_query(query, k, num_threads=1)[0][0], dtype=np.int64)


class UsearchPeer(Peer):
    """usearch, whose vectors are float16 here, as in our file."""

    name = f"usearch M={LINKS} f16"
    file = f"usearch-{LINKS}-{BUILD_EFFORT}.usearch"

    def __init__(self) -> None:
        self._index: Any = None

    def _made(self, dims: int) -> Any:
        from usearch.index import Index

        return Index(ndim=dims, metric="ip", dtype="f16", connectivity=LINKS, expansion_add=BUILD_EFFORT)

    def _begin(self, dims: int, count: int) -> None:
        self._index = self._made(dims)

    def _add(self, units: Vectors, first: int) -> None:
        keys = np.arange(first, first + len(units), dtype=np.uint64)
        self._index.add(keys, units.astype(np.float16), threads=THREADS)

    def _write(self, path: Path) -> None:
        self._index.save(str(path))

    def load(self, folder: Path, count: int, dims: int) -> None:
        """Read the file."""
        self._index = self._made(dims)
        self._index.load(str(folder / self.file))

    def find(self, query: Vectors, k: int) -> Rows:
        """Return the nearest rows."""
        self._index.expansion_search = self.effort
        found = self._index.search(query[0].astype(np.float16), k, threads=1)
        return np.asarray(found.keys, dtype=np.int64)


def peers() -> list[Peer]:
    """Return every peer, the exact one first."""
    return [
        FaissPeer("FAISS Flat", "Flat", (0,)),
        FaissPeer("FAISS HNSW32", "HNSW32", Peer.efforts),
        HnswlibPeer(),
        UsearchPeer(),
    ]


def needs() -> list[Need]:
    """Return what is missing to measure the graphs of other libraries; the rest is measured without them."""
    missing = [name for name in ("hnswlib", "usearch") if find_spec(name) is None]
    return [
        Need(
            f"{name}, which it is compared with",
            debian=("g++", "python3-dev") if name == "hnswlib" else (),
            requirements="requirements-bench.txt",
            optional=True,
        )
        for name in missing
    ]
