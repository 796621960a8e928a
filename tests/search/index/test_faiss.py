"""The FAISS index against exact search on the same seeded vectors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from gallery.errors import IndexDamagedError
from search.index.base import IndexInputError, best, brute_force, normalise
from search.index.faiss.index import FaissIndex, SearchEffort
from search.index.faiss.kinds import Budget, by_merit, candidates
from search.index.faiss.stored_vectors import MappedVectors
from search.index.faiss.tuning import Trial
from search.types import Ids, Vectors

DIMS = 64


def clustered(count: int, dims: int = DIMS, seed: int = 0, clusters: int = 200) -> Vectors:
    """Vectors (count, dims) around cluster centres, with a spectrum that falls off as features' do."""
    random = np.random.default_rng(seed)
    spectrum = 0.97 ** np.arange(dims)
    centres = random.normal(size=(clusters, dims))
    rows = centres[random.integers(clusters, size=count)] + 0.6 * random.normal(size=(count, dims))
    return (rows * spectrum).astype(np.float32)


class Compressed:
    """A compressed index of 20,000 clustered vectors with its exact vectors beside it."""

    def __init__(self) -> None:
        self.ids: Ids = np.arange(20_000, dtype=np.int64) * 3 + 11
        zero = np.zeros(DIMS, dtype=np.float32)
        self.stored = MappedVectors(self.ids, clustered(20_000).astype(np.float16), zero)
        self.units = self.stored.units(self.ids)
        self.index = FaissIndex(DIMS, "IVF256,RaBitQ", exact=self.stored)
        self.index.train(self.units[::2])
        self.index.add(self.ids, self.units)
        self.queries = normalise(clustered(40, seed=0) + 0.02)


@pytest.fixture(scope="module")
def compressed() -> Compressed:
    return Compressed()


def recall(found: Ids, exact: Ids) -> float:
    return float(np.mean([np.isin(b[b >= 0], a).mean() for a, b in zip(found, exact, strict=True)]))


def test_normalise_gives_unit_rows_and_leaves_zero_rows_alone() -> None:
    rows = np.array([[3, 4], [0, 0], [1e-30, 0], [3e38, 3e38]], dtype=np.float32)
    expected = np.array([[0.6, 0.8], [0, 0], [1, 0], [0.70710678, 0.70710678]])
    np.testing.assert_allclose(normalise(rows), expected, rtol=1e-6)
    assert rows[0, 0] == 3  # the argument is not touched


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_vectors_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(IndexInputError, match="row 1"):
        normalise(np.array([[1, 2], [bad, 0]], dtype=np.float32))


def test_best_orders_by_score_then_id_and_pads() -> None:
    ids = np.array([[5, 3, -1, 9]], dtype=np.int64)
    found = best(ids, np.array([[0.5, 0.5, 0.9, 0.7]], dtype=np.float32), 4)
    assert found.ids.tolist() == [[9, 3, 5, -1]]
    assert found.scores[0, 3] == -np.inf


def test_best_cuts_ties_by_id_among_many_candidates() -> None:
    ids = np.random.default_rng(1).permutation(1000)[None].astype(np.int64)
    scores = np.where(ids < 500, np.float32(0.5), np.float32(0.25))
    assert best(ids, scores, 5).ids.tolist() == [[0, 1, 2, 3, 4]]


def test_only_kinds_of_index_within_the_budget_are_tried_and_else_the_smallest() -> None:
    def factories(count: int, dims: int, budget: Budget) -> list[str]:
        return [kind.factory(count, dims) for kind in candidates(count, dims, budget)]

    assert factories(1_000_000, 512, Budget()) == [
        "RR512,IVF4096,RaBitQfs", "RR512,IVF4096,RaBitQ", "PCAR256,IVF4096,RaBitQ", "IVF4096,PQ128x4fsr"
    ]  # fmt: skip
    assert "HNSW32,SQfp16" in factories(1_000_000, 512, Budget(bytes_per_vector=1_400))
    assert factories(60_000, 16, Budget(bytes_per_vector=10)) == ["IVF1024,SQ8"]
    assert factories(1_000_000, 512, Budget(bytes_per_vector=50)) == ["PCAR256,IVF4096,RaBitQ"]


def test_the_smallest_of_the_kinds_that_are_nearly_as_fast_as_the_fastest_is_the_best() -> None:
    def merit(*figures: tuple[bool, float, float]) -> list[int]:
        trials = [Trial("IVF1,SQ8", 1, size, 1.0, 1, 1, 0.0, ms) for _, size, ms in figures]
        return by_merit(trials, [able for able, _, _ in figures])

    assert merit((True, 90, 0.4), (True, 50, 0.59), (True, 20, 0.61)) == [1, 0, 2]
    assert merit((True, 90, 0.4), (True, 50, 0.61)) == [0, 1]
    assert merit((False, 10, 0.1), (True, 90, 0.9), (True, 95, 0.8)) == [1, 2, 0]
    assert merit((False, 90, 0.2), (False, 50, 0.4)) == [0, 1]


def test_the_flat_index_equals_brute_force() -> None:
    ids, units = np.arange(2_000, dtype=np.int64) * 7 + 2**40, normalise(clustered(2_000))
    index = FaissIndex(DIMS, "Flat")
    index.add(ids, units)
    found, exact = index.search(units[:50], 20), brute_force(units[:50], ids, units, 20)
    np.testing.assert_array_equal(found.ids, exact.ids)
    np.testing.assert_allclose(found.scores, exact.scores, atol=1e-5)


def test_the_compressed_index_answers_like_an_exact_one(compressed: Compressed) -> None:
    found = compressed.index.search(compressed.queries, 10)
    exact = brute_force(compressed.queries, compressed.ids, compressed.units, 10)
    assert recall(found.ids, exact.ids) >= 0.98
    same = found.ids == exact.ids
    np.testing.assert_allclose(found.scores[same], exact.scores[same], atol=1e-5)


@pytest.mark.parametrize("allowed_count", [1, 7, 300, 4_000, 6_000, 15_000])
def test_a_filtered_search_loses_no_hit(compressed: Compressed, allowed_count: int) -> None:
    rows = np.sort(np.random.default_rng(allowed_count).choice(20_000, allowed_count, replace=False))
    strangers = np.array([1, 2, 10**9], dtype=np.int64)
    found = compressed.index.search(compressed.queries, 10, np.concatenate((compressed.ids[rows], strangers)))
    exact = brute_force(compressed.queries, compressed.ids[rows], compressed.units[rows], 10)
    np.testing.assert_array_equal(found.ids >= 0, exact.ids >= 0)
    assert recall(found.ids, exact.ids) >= (1.0 if allowed_count <= 4_000 else 0.98)


@pytest.mark.parametrize("k", [10, 50])
def test_a_filter_that_leaves_out_the_surroundings_of_the_query_keeps_its_recall(
    compressed: Compressed, k: int
) -> None:
    anchors = compressed.units[::1_000]
    group = np.argmax(compressed.units @ anchors.T, axis=1)
    recalls = []
    for query in compressed.queries:
        farthest_first = np.argsort(np.argsort(anchors @ query))
        rows = np.flatnonzero(farthest_first[group] < 10)
        assert len(rows) > 4_096  # beyond what is scanned exactly
        found = compressed.index.search(query[None], k, compressed.ids[rows])
        exact = brute_force(query[None], compressed.ids[rows], compressed.units[rows], k)
        recalls.append(recall(found.ids, exact.ids))
    assert np.mean(recalls) >= 0.98


@pytest.mark.parametrize("share", [0.001, 0.1, 0.4, 0.7, 0.95])
def test_exactly_the_farthest_vectors_are_searched_as_well(compressed: Compressed, share: float) -> None:
    scores = compressed.queries @ compressed.units.T
    recalls = []
    for query, row in zip(compressed.queries, scores, strict=True):
        rows = np.sort(np.argsort(row)[: int(share * len(row))])
        found = compressed.index.search(query[None], 10, compressed.ids[rows])
        exact = brute_force(query[None], compressed.ids[rows], compressed.units[rows], 10)
        recalls.append(recall(found.ids, exact.ids))
    assert np.mean(recalls) >= 0.98


@pytest.mark.parametrize("factory", [f"RR{DIMS},IVF64,RaBitQfs", f"PCAR{DIMS // 2},IVF64,RaBitQ"])
def test_a_saved_index_is_mapped_and_answers_alike(
    compressed: Compressed, tmp_path: Path, factory: str
) -> None:
    index = FaissIndex(DIMS, factory, exact=compressed.stored)
    index.train(compressed.units[::3])
    index.add(compressed.ids, compressed.units)
    index.save(tmp_path / "index.faiss")
    mapped = FaissIndex.load(tmp_path / "index.faiss", factory, exact=compressed.stored)
    for allowed in (None, compressed.ids[::2]):
        ours, theirs = (one.search(compressed.queries, 10, allowed) for one in (index, mapped))
        np.testing.assert_array_equal(ours.ids, theirs.ids)
    assert index.remove(compressed.ids[:5_000]) == 5_000
    assert not np.isin(index.search(compressed.queries, 50).ids, compressed.ids[:5_000]).any()


def test_principal_components_of_products_find_what_all_dimensions_would(compressed: Compressed) -> None:
    index = FaissIndex(DIMS, f"PCAR{DIMS // 2},IVF64,RaBitQ", exact=compressed.stored)
    shifted = normalise(compressed.units + np.float32(0.1))  # no mean is taken away
    index.train(shifted[::2])
    transform = index._transform()
    assert transform is not None
    apart = transform.apply(shifted[:50])
    assert np.abs(apart @ apart.T - shifted[:50] @ shifted[:50].T).mean() < 0.02
    index = FaissIndex(DIMS, f"PCAR{DIMS // 2},IVF64,RaBitQ", exact=compressed.stored)
    index.train(compressed.units[::2])
    index.add(compressed.ids, compressed.units)
    exact = brute_force(compressed.queries, compressed.ids, compressed.units, 10)
    found = index.search(compressed.queries, 10, effort=SearchEffort(64, 400, margin=0.6))
    assert recall(found.ids, exact.ids) >= 0.98
    assert index.stats().bytes_per_vector < 12 + 8 + 1


def test_a_graph_answers_like_an_exact_index_and_keeps_to_filters(compressed: Compressed) -> None:
    index = FaissIndex(DIMS, "HNSW32,SQfp16", exact=compressed.stored, effort=SearchEffort(128, 40))
    index.train(compressed.units[::10])
    index.add(compressed.ids, compressed.units)
    exact = brute_force(compressed.queries, compressed.ids, compressed.units, 10)
    assert recall(index.search(compressed.queries, 10).ids, exact.ids) >= 0.98
    half = compressed.ids[::2]
    exact = brute_force(compressed.queries, half, compressed.units[::2], 10)
    assert recall(index.search(compressed.queries, 10, half).ids, exact.ids) >= 0.98


def test_a_filter_of_huge_ids_takes_the_other_selector() -> None:
    ids, units = np.arange(100, dtype=np.int64) + 2**50, normalise(clustered(100))
    index = FaissIndex(DIMS, "Flat")
    index.add(ids, units)
    found = index.search(units[:5], 3, ids[10:20])
    np.testing.assert_array_equal(found.ids, brute_force(units[:5], ids[10:20], units[10:20], 3).ids)


def test_asking_for_everything_returns_everything(compressed: Compressed) -> None:
    found = compressed.index.search(compressed.queries[:2], 25_000)
    assert found.ids.shape == (2, 25_000)
    assert sorted(found.ids[1][found.ids[1] >= 0]) == compressed.ids.tolist()
    assert (np.diff(found.scores[0, :20_000]) <= 0).all()


def test_threads_with_different_parameters_do_not_disturb_each_other(compressed: Compressed) -> None:
    half, other = compressed.ids[::2], compressed.ids[1::2]
    thorough = SearchEffort(lists=256, candidates=800)

    def filtered(allowed: Ids) -> Ids:
        return compressed.index.search(compressed.queries, 10, allowed, effort=thorough).ids

    def hasty(_: Ids) -> Ids:
        return compressed.index.search(compressed.queries, 10, effort=SearchEffort(1, 10)).ids

    work = [(filtered, half), (hasty, half), (filtered, other)]
    alone = [search(allowed) for search, allowed in work]
    with ThreadPoolExecutor(3) as pool:
        for _ in range(8):
            together = list(pool.map(lambda pair: pair[0](pair[1]), work))
            for expected, got in zip(alone, together, strict=True):
                np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("factory", ["Flat", "IVF16,RaBitQ"])
def test_removed_vectors_are_not_found_again_until_added(factory: str) -> None:
    ids = np.arange(2_000, dtype=np.int64)
    stored = MappedVectors(ids, clustered(2_000).astype(np.float16), np.zeros(DIMS, dtype=np.float32))
    units = stored.units(ids)
    index = FaissIndex(DIMS, factory, exact=stored)
    index.train(units)
    index.add(ids, units)
    assert index.remove(np.array([0, 1, 99_999])) == 2
    assert index.count == 1_998
    assert not np.isin(index.search(units[:2], 50).ids, [0, 1]).any()
    assert index.search(units[:1], 3, np.array([0, 1, 2])).ids.tolist() == [[2, -1, -1]]
    index.add(ids[:1], units[:1])
    assert index.search(units[:1], 1).ids.tolist() == [[0]]


def test_wrong_shapes_and_ids_are_refused(compressed: Compressed) -> None:
    with pytest.raises(IndexInputError, match="64 dimensions"):
        compressed.index.search(np.zeros((1, 3), dtype=np.float32), 5)
    with pytest.raises(IndexInputError, match="whole numbers"):
        compressed.index.search(compressed.queries, 5, np.array([1.5]))
    with pytest.raises(IndexInputError, match="exact vectors"):
        compressed.index.add(np.array([1]), compressed.units[:1])
    with pytest.raises(IndexInputError, match="not served"):
        FaissIndex(8, "LSH")


def test_nothing_to_search_gives_padding() -> None:
    empty = FaissIndex(4, "Flat")
    assert empty.search(np.zeros((2, 4), dtype=np.float32), 3).ids.tolist() == [[-1] * 3] * 2
    assert empty.search(np.zeros((0, 4), dtype=np.float32), 3).ids.shape == (0, 3)


def test_stats_tell_what_a_vector_costs(compressed: Compressed) -> None:
    stats = compressed.index.stats()
    assert (stats.count, stats.dims, stats.factory) == (20_000, DIMS, "IVF256,RaBitQ")
    assert 24 <= stats.bytes_per_vector <= 32


def test_an_index_file_that_is_no_index_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.faiss"
    path.write_bytes(b"not an index at all")
    with pytest.raises(IndexDamagedError, match="rebuild_index"):
        FaissIndex.load(path, "Flat")
