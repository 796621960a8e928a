"""Every kind of vector index behind one door, for tests that ask the same of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.index.base import StoredVectors
from search.index.faiss.build import BuildPlan
from search.index.milvus import build as milvus_build
from search.index.milvus.connection import MilvusServer
from search.index.milvus.generation import MilvusGeneration
from search.index.milvus.store import MilvusStore
from search.types import Ids


@dataclass
class KeptVectors:
    """Vectors as the database keeps them, in memory; ids (n,) ascend."""

    ids: Ids
    vectors: NDArray[np.float16]

    def read(self, ids: Ids) -> tuple[Ids, NDArray[np.float16]]:
        """Return those that are kept, ascending."""
        found = np.intersect1d(self.ids, ids)
        return found, self.vectors[np.searchsorted(self.ids, found)]


def store_of(server: MilvusServer, stored: StoredVectors, home: Path, kind: str = "auto") -> MilvusStore:
    """Return a store whose collections no other test sees."""
    prefix = f"t{abs(hash(str(home))):x}"
    return MilvusStore(server, stored, prefix=prefix, kind=kind)


def built(
    store: MilvusStore, kept: KeptVectors, rows: slice = slice(None), batch: int = 300
) -> MilvusGeneration:
    """Build and publish a generation of some of the kept vectors."""
    ids, vectors = kept.ids[rows], kept.vectors[rows]

    def read(after: int) -> Iterator[tuple[Ids, NDArray[np.float16]]]:
        for start in range(int(np.searchsorted(ids, after, side="right")), len(ids), batch):
            yield ids[start : start + batch], vectors[start : start + batch]

    return milvus_build.build(store, BuildPlan("7-3", {"model": "none"}, vectors.shape[1]), read)
