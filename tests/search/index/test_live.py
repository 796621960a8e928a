"""One generation, its delta and its removals, against brute force over what should be there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gallery.errors import NotFoundError
from search.index.base import NO_ID, IndexInputError, SearchResult, brute_force, normalise
from search.index.faiss.build import BuildPlan, build_generation
from search.index.faiss.generation import Generation
from search.index.faiss.index import SearchEffort
from search.index.faiss.store import GenerationStore
from search.index.live import Expansion, LiveIndex
from search.types import Ids
from tests.search.index.test_faiss import clustered

DIMS = 24
VECTORS = (clustered(600, DIMS, clusters=12) + 0.5).astype(np.float16)
IDS = np.arange(600, dtype=np.int64) * 2 + 1
QUERIES = (clustered(8, DIMS, clusters=12) + 0.55).astype(np.float32)
NO_IDS = np.empty(0, dtype=np.int64)
NO_VECTORS = np.empty((0, DIMS), dtype=np.float16)


def published(root: Path, rows: slice, factory: str | None = None) -> Generation:
    plan = BuildPlan("objects", {}, DIMS, factory=factory)
    return build_generation(GenerationStore(root), plan, [(IDS[rows], VECTORS[rows])])


@pytest.fixture(scope="module")
def generation(tmp_path_factory: pytest.TempPathFactory) -> Generation:
    return published(tmp_path_factory.mktemp("indexes"), slice(0, 500))


@pytest.fixture(scope="module")
def live(generation: Generation) -> LiveIndex:
    """500 in the generation, 100 newer ones in random order; 40 of the first and 10 of the newer removed."""
    newer = np.random.default_rng(3).permutation(np.arange(500, 600))
    removed = {*IDS[:40].tolist(), *IDS[590:].tolist(), 10**9}
    return LiveIndex(generation, IDS[newer], VECTORS[newer], removed)


KEPT = np.arange(40, 590)


def expected(live: LiveIndex, rows: NDArray[np.intp], k: int, queries: NDArray[np.float32]) -> SearchResult:
    units = normalise(VECTORS[rows].astype(np.float32) - live.centre)
    return brute_force(normalise(queries - live.centre), IDS[rows], units, k)


def assert_same(found: SearchResult, exact: SearchResult) -> None:
    np.testing.assert_array_equal(found.ids, exact.ids)
    np.testing.assert_allclose(found.scores, exact.scores, atol=2e-6)


@pytest.mark.parametrize("k", [1, 10, 100, 550, 700])
def test_generation_delta_and_removals_equal_brute_force_over_the_union(live: LiveIndex, k: int) -> None:
    assert live.count == 550
    assert_same(live.search(QUERIES, k), expected(live, KEPT, k, QUERIES))


def test_removing_nearly_all_the_nearest_still_fills_the_page(generation: Generation) -> None:
    nearest = LiveIndex(generation, NO_IDS, NO_VECTORS).search(QUERIES[:1], 480).ids[0]
    live = LiveIndex(generation, NO_IDS, NO_VECTORS, set(nearest.tolist()))
    found = live.search(QUERIES[:1], 10)
    rows = np.flatnonzero(~np.isin(IDS[:500], nearest))
    assert_same(found, expected(live, rows, 10, QUERIES[:1]))


def test_a_compressed_generation_with_removals_equals_brute_force(tmp_path: Path) -> None:
    generation = published(tmp_path, slice(0, 500), "IVF4,SQ8")
    # the one it was tuned to is the fastest that finds 99 %, by the clock of a machine that has other work
    generation.index.effort = SearchEffort(lists=4, candidates=200)
    live = LiveIndex(generation, IDS[500:], VECTORS[500:], IDS[:40].tolist())
    assert_same(live.search(QUERIES, 20), expected(live, np.arange(40, 600), 20, QUERIES))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_filter_reaches_both_parts(live: LiveIndex, seed: int) -> None:
    rows = np.sort(np.random.default_rng(seed).choice(600, 60, replace=False))
    kept = np.intersect1d(rows, KEPT)
    found = live.search(QUERIES, 80, IDS[rows])
    assert_same(found, expected(live, kept, 80, QUERIES))
    assert (live.search(QUERIES, 5, NO_IDS).ids == -1).all()


def test_without_a_generation_everything_is_an_exact_delta_with_the_centre_of_a_build(tmp_path: Path) -> None:
    delta = LiveIndex(None, IDS, VECTORS)
    built = LiveIndex(published(tmp_path, slice(0, 600)), NO_IDS, NO_VECTORS)
    np.testing.assert_allclose(delta.centre, built.centre, atol=1e-6)
    assert_same(delta.search(QUERIES, 25), built.search(QUERIES, 25))


def test_one_image_is_found_by_itself() -> None:
    live = LiveIndex(None, IDS[:1], VECTORS[:1])
    found = live.search(VECTORS[:1], 3)
    assert found.ids.tolist() == [[1, -1, -1]]
    assert found.scores[0, 0] == pytest.approx(1, abs=1e-6)


def test_an_empty_index_finds_nothing() -> None:
    assert LiveIndex(None, NO_IDS, NO_VECTORS).search(QUERIES, 4).ids.tolist() == [[-1] * 4] * 8
    assert LiveIndex(None, IDS[:1], VECTORS[:1], {1}).search(QUERIES, 1).ids.tolist() == [[-1]] * 8


def test_an_index_whose_vectors_are_all_removed_finds_nothing_and_has_no_usual_score(
    generation: Generation,
) -> None:
    live = LiveIndex(generation, NO_IDS, NO_VECTORS, set(IDS[:500].tolist()))
    assert live.count == 0
    assert (live.search(QUERIES[:1], 10).ids == NO_ID).all()
    assert len(live.standard_scores(QUERIES[0], np.empty(0, dtype=np.float32))) == 0


def test_a_changed_snapshot_finds_the_new_and_the_old_one_does_not(live: LiveIndex) -> None:
    new = np.array([5_000], dtype=np.int64)
    changed = live.with_changes(new, QUERIES[:1], {int(IDS[100])})
    assert changed.search(QUERIES[:1], 1).ids.tolist() == [[5_000]]
    assert (changed.count, live.count) == (550, 550)
    assert not live.known(new).any()
    assert changed.known(np.array([5_000, IDS[100], IDS[101]])).tolist() == [True, False, True]


def test_a_replaced_vector_counts_and_the_one_in_the_generation_does_not(live: LiveIndex) -> None:
    replaced = live.with_changes(IDS[60:61], -VECTORS[60:61])
    assert replaced.count == live.count
    np.testing.assert_array_equal(replaced.vectors(IDS[60:61]), -VECTORS[60:61])
    found = replaced.search(VECTORS[60:61], 550)
    assert (found.ids == IDS[60]).sum() == 1
    assert found.ids[0, 0] != IDS[60]
    back = replaced.with_changes(NO_IDS, NO_VECTORS, {int(IDS[60])}).with_changes(IDS[60:61], VECTORS[60:61])
    assert back.search(VECTORS[60:61], 1).ids.tolist() == [[IDS[60]]]


def test_vectors_come_in_the_order_asked_from_both_parts(live: LiveIndex) -> None:
    rows = np.array([580, 50, 501, 499])
    np.testing.assert_array_equal(live.vectors(IDS[rows]), VECTORS[rows])
    for gone in (IDS[0], IDS[599], 4):
        with pytest.raises(NotFoundError, match=str(gone)):
            live.vectors(np.array([IDS[50], gone]))


def test_uncentred_scores_are_plain_cosines(live: LiveIndex) -> None:
    rows = np.array([580, 50])
    exact = VECTORS[rows].astype(np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    cosines = exact @ (QUERIES[0] / np.linalg.norm(QUERIES[0]))
    np.testing.assert_allclose(live.uncentred_scores(QUERIES[0], IDS[rows]), cosines, atol=1e-6)


def test_leave_one_out_leaves_out_only_the_query_itself(live: LiveIndex) -> None:
    rows = np.array([45, 505, 300])
    found = live.search(VECTORS[rows], 20, exclude_ids=IDS[rows])
    whole = live.search(VECTORS[rows], 21)
    np.testing.assert_array_equal(whole.ids[:, 0], IDS[rows])
    np.testing.assert_array_equal(found.ids, whole.ids[:, 1:])
    two = live.search(VECTORS[rows], 19, exclude_ids=np.stack((IDS[rows], whole.ids[:, 1]), axis=1))
    np.testing.assert_array_equal(two.ids, whole.ids[:, 2:])


@pytest.mark.parametrize("leave_out", [False, True])
def test_query_expansion_equals_its_formula(live: LiveIndex, leave_out: bool) -> None:
    rows = np.array([45, 505, 300])
    queries = VECTORS[rows].astype(np.float32)
    excluded = IDS[rows] if leave_out else None
    found = live.search(queries, 15, exclude_ids=excluded, expansion=Expansion(4, 2.0))
    for row, query, hits in zip(rows, queries, found.ids, strict=True):
        pool = KEPT[row != KEPT] if leave_out else KEPT
        units = normalise(VECTORS[pool].astype(np.float32) - live.centre)
        unit = normalise((query - live.centre)[None])[0]
        scores = units @ unit
        first = np.argsort(-scores, kind="stable")[:4]
        expanded = unit + (np.maximum(scores[first], 0)[:, None] ** 2 * units[first]).sum(axis=0)
        exact = brute_force(normalise(expanded[None]), IDS[pool], units, 15)
        np.testing.assert_array_equal(hits, exact.ids[0])


def test_input_that_does_not_fit_is_refused(generation: Generation, live: LiveIndex) -> None:
    with pytest.raises(IndexInputError, match="shape"):
        live.search(QUERIES[:, :5], 3)
    with pytest.raises(IndexInputError, match="NaN"):
        live.search(np.full((1, DIMS), np.nan), 3)
    with pytest.raises(IndexInputError, match="twice"):
        LiveIndex(generation, np.array([7, 7]), VECTORS[:2])
    with pytest.raises(IndexInputError, match="2 ids came with 3"):
        LiveIndex(generation, np.array([7, 8]), VECTORS[:3])
    with pytest.raises(IndexInputError, match="one row a query"):
        live.search(QUERIES, 3, exclude_ids=np.array([1], dtype=np.int64))


def test_paging_by_a_larger_k_never_repeats_or_skips(live: LiveIndex) -> None:
    whole: Ids = live.search(QUERIES[:1], 60).ids[0]
    pages = [live.search(QUERIES[:1], offset + 20).ids[0, offset:] for offset in (0, 20, 40)]
    np.testing.assert_array_equal(np.concatenate(pages), whole)


@pytest.mark.parametrize("removed", [0, 40])
def test_no_hit_of_a_hasty_index_changes_its_page(tmp_path: Path, removed: int) -> None:
    generation = published(tmp_path, slice(0, 500), "IVF16,SQ8")
    # so little that more is found whenever more is asked for
    generation.index.effort = SearchEffort(lists=1, candidates=5)
    live = LiveIndex(generation, IDS[500:], VECTORS[500:], IDS[:removed].tolist())
    whole = live.search(QUERIES, 600)
    for k in (1, 10, 24, 25, 100, 240, 241, 400):
        found = live.search(QUERIES, k)
        np.testing.assert_array_equal(found.ids, whole.ids[:, :k])
        np.testing.assert_array_equal(found.scores, whole.scores[:, :k])
    for row in whole.ids:
        assert sorted(row[row >= 0]) == IDS[removed:].tolist()


def test_a_change_of_a_snapshot_equals_a_new_one(generation: Generation) -> None:
    first = LiveIndex(generation, IDS[500:520], VECTORS[500:520], IDS[:5].tolist())
    added = np.array([*range(520, 540), 510])
    changed = first.with_changes(IDS[added], VECTORS[added], [*IDS[5:10].tolist(), int(IDS[505])])
    rows = np.array([*range(500, 505), *range(506, 540)])
    fresh = LiveIndex(generation, IDS[rows], VECTORS[rows], [*IDS[:10].tolist(), int(IDS[505])])
    np.testing.assert_array_equal(changed.delta_ids, fresh.delta_ids)
    np.testing.assert_array_equal(changed.delta_vectors, fresh.delta_vectors)
    assert changed.removed_ids == fresh.removed_ids
    assert_same(changed.search(QUERIES, 100), fresh.search(QUERIES, 100))


@pytest.mark.parametrize("others", [0, 1, 30])
def test_the_same_vector_scores_one_with_and_without_a_generation(tmp_path: Path, others: int) -> None:
    rows = np.concatenate((np.repeat(VECTORS[:1], 12, axis=0), VECTORS[1 : 1 + others]))
    ids = IDS[: len(rows)]
    plan = BuildPlan("objects", {}, DIMS)
    built = LiveIndex(build_generation(GenerationStore(tmp_path), plan, [(ids, rows)]), NO_IDS, NO_VECTORS)
    for live in (built, LiveIndex(None, ids, rows)):
        for expansion in (None, Expansion(neighbours=2, alpha=1.0)):
            found = live.search(rows[:1], 12, expansion=expansion)
            assert sorted(found.ids[0]) == sorted(ids[:12])
            np.testing.assert_allclose(found.scores, 1, atol=1e-6)


def test_an_expanded_query_is_still_the_same_as_its_only_like() -> None:
    live = LiveIndex(None, IDS, VECTORS)
    expanded = live.search(VECTORS[:1], 20, expansion=Expansion(neighbours=2, alpha=1.0))
    assert (expanded.ids[0, 0], expanded.scores[0, 0]) == (IDS[0], 1.0)
    assert (np.diff(expanded.scores[0]) <= 0).all()
    assert expanded.scores[0, 1] < 0.99999
