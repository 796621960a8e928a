"""The same operations on every index there is, and the same hits: FAISS, Milvus Lite, a Milvus server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from search.index.base import SearchResult, VectorIndex, brute_force, normalise
from search.index.faiss.index import FaissIndex, SearchEffort
from search.index.faiss.stored_vectors import MappedVectors
from search.index.milvus.build import seal
from search.index.milvus.connection import MilvusServer
from search.index.milvus.index import KINDS, Collection, MilvusIndex
from search.types import Ids, Vectors
from tests.search.index.test_faiss import clustered
from tests.support.index_backends import KeptVectors, store_of

DIMS = 48
COUNT = 6_000
LATER = 200
# ids with gaps, as of a dataset among others
IDS: Ids = np.sort(np.random.default_rng(5).choice(50_000, COUNT + LATER, replace=False)).astype(np.int64)
STORED = (clustered(COUNT + LATER, DIMS, clusters=60) + 0.3).astype(np.float16)
CENTRE = STORED[:COUNT].mean(axis=0, dtype=np.float32)
UNITS: Vectors = normalise(STORED.astype(np.float32) - CENTRE)
KEPT = KeptVectors(IDS, STORED)
QUERIES: Vectors = normalise(clustered(25, DIMS, clusters=60) + 0.02)
EVERY_LIST = SearchEffort(lists=65_536, candidates=400)


def faiss_index(factory: str) -> VectorIndex:
    exact = None if factory == "Flat" else MappedVectors(IDS, STORED, CENTRE)
    index = FaissIndex(DIMS, factory, exact=exact, effort=EVERY_LIST)
    index.train(UNITS[:COUNT])
    index.add(IDS[:COUNT], UNITS[:COUNT])
    return index


def milvus_index(server: MilvusServer, kind: str, home: Path) -> VectorIndex:
    store = store_of(server, KEPT, home, kind)
    collection = store.create("7-3", DIMS)
    index = MilvusIndex(
        Collection(server, collection, DIMS, KINDS[kind]), KEPT, CENTRE, count=COUNT, effort=EVERY_LIST
    )
    index.add(IDS[:COUNT], UNITS[:COUNT])
    seal(store, collection, KINDS[kind], KINDS[kind].build(COUNT, DIMS))
    return index


BACKENDS = {
    "FAISS": ("", "Flat"),
    "FAISS compressed": ("", "IVF64,SQ8"),
    "Milvus Lite": ("milvus_lite", "FLAT"),
    "Milvus Lite compressed": ("milvus_lite", "IVF_SQ8"),
    "Milvus server": ("standalone_milvus", "FLAT"),
    "Milvus server compressed": ("standalone_milvus", "IVF_SQ8"),
    "Milvus server graph": ("standalone_milvus", "HNSW"),
}


@pytest.fixture(scope="module", params=BACKENDS)
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorIndex]:
    """Return each index in turn, holding the first vectors, looking as hard as it can."""
    fixture, kind = BACKENDS[request.param]
    if not fixture:
        yield faiss_index(kind)
    else:
        server: MilvusServer = request.getfixturevalue(fixture)
        yield milvus_index(server, kind, tmp_path_factory.mktemp("index"))


def exact(rows: slice | Ids, k: int) -> SearchResult:
    """Return what is right, by multiplying everything with everything."""
    return brute_force(QUERIES, IDS[rows], UNITS[rows], k)


def assert_same(found: SearchResult, right: SearchResult) -> None:
    np.testing.assert_array_equal(found.ids, right.ids)
    np.testing.assert_allclose(found.scores, right.scores, atol=2e-6)


HELD = slice(0, COUNT)


def test_the_first_ten_are_the_exact_ones(index: VectorIndex) -> None:
    assert_same(index.search(QUERIES, 10), exact(HELD, 10))
    assert_same(index.search(QUERIES, 1), exact(HELD, 1))


@pytest.mark.parametrize("allowed_count", [1, 7, 300, 4_500])
def test_a_filter_finds_the_exact_ones_among_the_allowed(index: VectorIndex, allowed_count: int) -> None:
    rows = np.sort(np.random.default_rng(allowed_count).choice(COUNT, allowed_count, replace=False))
    shuffled = np.random.default_rng(1).permutation(IDS[rows])
    assert_same(index.search(QUERIES, 10, shuffled), exact(rows, 10))


def test_a_filter_far_from_the_query_still_fills_the_page(index: VectorIndex) -> None:
    far = np.argsort(UNITS[:COUNT] @ QUERIES[0])[:4_200]
    rows = np.sort(far)
    found = index.search(QUERIES[:1], 10, IDS[rows])
    np.testing.assert_array_equal(found.ids, exact(rows, 10).ids[:1])


def test_nothing_allowed_finds_nothing(index: VectorIndex) -> None:
    found = index.search(QUERIES, 3, np.empty(0, dtype=np.int64))
    assert found.ids.tolist() == [[-1] * 3] * len(QUERIES)
    assert np.isneginf(found.scores).all()


def test_what_is_added_is_found_and_what_is_removed_is_not(index: VectorIndex) -> None:
    later = slice(COUNT, COUNT + LATER)
    index.add(IDS[later], UNITS[later])
    await_writes(index)
    everything = np.arange(COUNT + LATER)
    assert_same(index.search(QUERIES, 10), exact(everything, 10))
    gone = np.concatenate((IDS[:COUNT:50], IDS[later]))
    assert index.remove(gone) == len(gone)
    assert index.remove(gone) == 0
    await_writes(index)
    kept = np.setdiff1d(np.arange(COUNT), np.arange(0, COUNT, 50))
    assert_same(index.search(QUERIES, 10), exact(kept, 10))
    index.add(IDS[:COUNT:50], UNITS[:COUNT:50])
    await_writes(index)
    assert_same(index.search(QUERIES, 10), exact(HELD, 10))


def await_writes(index: VectorIndex) -> None:
    """Wait until all that was written can be found, as whoever writes to a Milvus does."""
    if isinstance(index, MilvusIndex):
        index.count = index.counted()


def test_its_size_and_kind_are_told(index: VectorIndex) -> None:
    stats = index.stats()
    assert (stats.count, stats.dims, stats.metric) == (COUNT, DIMS, "inner_product")
    assert stats.bytes_per_vector > DIMS / 8


def test_input_that_does_not_fit_is_refused(index: VectorIndex) -> None:
    with pytest.raises(ValueError, match="dimensions"):
        index.search(QUERIES[:, :7], 3)
    with pytest.raises(ValueError, match="Expected 2 ids"):
        index.add(IDS[:3], UNITS[:2])
