"""FAISS on a GPU against FAISS on the CPU; where there is no GPU, the same steps with copies on the CPU."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from search.index.base import brute_force, normalise
from search.index.faiss import gpu as faiss_gpu
from search.index.faiss.gpu import GpuCopy, Move, Sorter, learning
from search.index.faiss.index import FaissIndex, SearchEffort
from search.index.faiss.stored_vectors import MappedVectors
from search.types import Ids, Vectors
from tests.search.index.test_faiss import clustered

DIMS = 64
UNITS: Vectors = normalise(clustered(20_000, DIMS))
IDS: Ids = np.arange(20_000, dtype=np.int64) * 3 + 11
QUERIES: Vectors = normalise(clustered(60, DIMS) + 0.02)


def kept_on_the_cpu(index: Any) -> Any:
    import faiss

    return faiss.clone_index(index)


@pytest.fixture(params=["GPU", "CPU"])
def move(request: pytest.FixtureRequest) -> Move:
    """Return what moves an index to the GPU, and what only copies it."""
    if request.param == "CPU":
        return kept_on_the_cpu
    if not faiss_gpu.gpus():
        pytest.skip("There is no GPU here, or FAISS is installed without support for one (faiss-gpu).")
    return faiss_gpu.to_gpu


def made(factory: str) -> Any:
    import faiss

    return faiss.index_factory(DIMS, factory, faiss.METRIC_INNER_PRODUCT)


def visiting(lists: int, factory: str) -> Any:
    faiss: Any = importlib.import_module("faiss")  # its stubs lack the keywords of its Python layer
    options = faiss.SearchParametersIVF(nprobe=lists)
    turned = factory.startswith(("RR", "PCAR"))
    return faiss.SearchParametersPreTransform(index_params=options) if turned else options


def extracted(index: Any) -> Any:
    import faiss

    return faiss.extract_index_ivf(index)


def recall(found: NDArray[np.int64], right: NDArray[np.int64]) -> float:
    return float(np.mean([len(np.intersect1d(a, b)) / len(b) for a, b in zip(found, right, strict=True)]))


@pytest.mark.parametrize("factory", ["IVF64,SQ8", "IVF64,RaBitQ", "RR64,IVF64,RaBitQ", "PCAR32,IVF64,RaBitQ"])
def test_what_is_built_on_the_gpu_finds_as_much_as_what_is_built_on_the_cpu(move: Move, factory: str) -> None:
    ours, theirs = made(factory), made(factory)
    with learning(extracted(ours), move):
        ours.train(UNITS)
    sorter = Sorter(ours, move)
    for start in range(0, len(IDS), 7_000):
        sorter.add(IDS[start : start + 7_000], UNITS[start : start + 7_000])
    theirs.train(UNITS)
    theirs.add_with_ids(UNITS, IDS)
    assert ours.ntotal == len(IDS)
    right = brute_force(QUERIES, IDS, UNITS, 10).ids
    options = visiting(16, factory)
    wanted = recall(theirs.search(QUERIES, 100, params=options)[1], right)
    assert recall(ours.search(QUERIES, 100, params=options)[1], right) >= wanted - 0.03
    assert wanted > 0.9


def test_an_index_built_on_the_gpu_lies_in_memory_like_any_other(move: Move) -> None:
    import faiss

    index = made("IVF64,SQ8")
    with learning(extracted(index), move):
        index.train(UNITS)
    Sorter(index, move).add(IDS, UNITS)
    copied = faiss.deserialize_index(faiss.serialize_index(index))
    np.testing.assert_array_equal(copied.search(QUERIES, 5)[1], index.search(QUERIES, 5)[1])


@pytest.mark.parametrize("factory", ["IDMap2,Flat", "IVF64,Flat", "IVF64,SQ8"])
def test_a_copy_on_the_gpu_finds_what_the_index_finds(move: Move, factory: str) -> None:
    index = made(factory)
    index.train(UNITS)
    index.add_with_ids(UNITS, IDS)
    on_gpu = move is faiss_gpu.to_gpu
    copied = GpuCopy(index, None if on_gpu else kept_on_the_cpu)
    assert copied.takes(10, 64)
    assert not copied.takes(5_000, 64)
    scores, ids = copied.search(QUERIES, 10, 64)
    options = visiting(64, factory) if copied.lists else None
    right_scores, right_ids = index.search(QUERIES, 10, params=options)
    np.testing.assert_allclose(scores, right_scores, atol=1e-4)
    assert recall(ids, right_ids) > 0.99


@pytest.mark.parametrize("factory", ["IVF64,RaBitQfs", "RR64,IVF64,RaBitQfs", "IVF64,PQ16x4fsr"])
def test_lists_packed_for_fast_scans_are_filled_by_the_index_itself(factory: str) -> None:
    assert not Sorter.takes(made(factory))


@pytest.mark.parametrize("factory", ["Flat", "IVF64,SQ8", "RR64,IVF64,RaBitQfs"])
def test_the_same_hits_are_found_whether_or_not_there_is_a_gpu(factory: str) -> None:
    """On a machine with a GPU this asks it; elsewhere it is the way everything goes."""
    stored = MappedVectors(IDS, UNITS.astype(np.float16), np.zeros(DIMS, dtype=np.float32))
    effort = SearchEffort(lists=64, candidates=400)
    index = FaissIndex(DIMS, factory, exact=None if factory == "Flat" else stored, effort=effort)
    index.train(UNITS)
    index.add(IDS, UNITS)
    found = index.search(QUERIES, 10)
    right = brute_force(QUERIES, IDS, UNITS, 10)
    assert recall(found.ids, right.ids) > 0.99
    np.testing.assert_allclose(found.scores[:, 0], right.scores[:, 0], atol=1e-3)


def test_without_a_gpu_nothing_is_moved() -> None:
    if faiss_gpu.gpus():
        pytest.skip("There is a GPU.")
    assert faiss_gpu.copy_of(made("Flat")) is None
    assert faiss_gpu.sorter_of(made("IVF64,SQ8")) is None
