"""Generations on Milvus Lite and on a server: published whole, changed in place, swept, found damaged."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from gallery.errors import IndexDamagedError, NotFoundError
from search.index.base import IndexInputError, brute_force, normalise
from search.index.faiss.build import BuildPlan, build_generation
from search.index.faiss.store import GenerationStore
from search.index.live import Expansion, LiveIndex
from search.index.milvus.build import survey
from search.index.milvus.connection import IndexUnreachableError, MilvusServer
from search.index.milvus.generation import MANIFEST_PROPERTY
from search.index.milvus.index import KINDS, MOST_HITS, kind_for
from search.index.milvus.store import MilvusStore
from search.types import Ids
from tests.search.index.test_faiss import clustered
from tests.support.index_backends import KeptVectors, built, store_of

DIMS = 24
IDS: Ids = np.arange(900, dtype=np.int64) * 2 + 1
KEPT = KeptVectors(IDS, (clustered(900, DIMS, clusters=12) + 0.5).astype(np.float16))
QUERIES = (clustered(8, DIMS, clusters=12) + 0.55).astype(np.float32)
NOTHING: Ids = np.empty(0, dtype=np.int64)
FIRST, LATER = slice(0, 600), slice(600, 900)


@pytest.fixture
def store(milvus: MilvusServer, tmp_path: Path) -> MilvusStore:
    return store_of(milvus, KEPT, tmp_path)


@pytest.fixture
def lite_store(milvus_lite: MilvusServer, tmp_path: Path) -> MilvusStore:
    """Return a store on Milvus Lite, where the server would tell nothing more."""
    return store_of(milvus_lite, KEPT, tmp_path)


@pytest.fixture
def server_store(standalone_milvus: MilvusServer, tmp_path: Path) -> MilvusStore:
    """Return a store on the server, where Milvus Lite would tell nothing more."""
    return store_of(standalone_milvus, KEPT, tmp_path)


def snapshot(store: MilvusStore, newer: slice, removed: Ids = NOTHING) -> LiveIndex:
    generation = store.open_current("7-3")
    return LiveIndex(generation, IDS[newer], KEPT.vectors[newer], removed.tolist())


def test_generation_delta_removals_and_filters_give_what_they_give_on_faiss(
    store: MilvusStore, tmp_path: Path
) -> None:
    generation = built(store, KEPT, FIRST)
    assert (generation.count, generation.last_id, generation.manifest.recall_at_10) == (600, IDS[599], 1.0)
    plan = BuildPlan("7-3", {}, DIMS)
    batch = [(IDS[FIRST], KEPT.vectors[FIRST])]
    theirs = build_generation(GenerationStore(tmp_path / "faiss"), plan, batch)
    removed, own = IDS[:50], np.array([IDS[70]] * len(QUERIES))
    ours = snapshot(store, LATER, removed)
    faiss = LiveIndex(theirs, IDS[LATER], KEPT.vectors[LATER], removed.tolist())
    assert ours.count == faiss.count == 850
    for allowed in (None, IDS[::3], IDS[640:]):
        found = ours.search(QUERIES, 10, allowed, exclude_ids=own, expansion=Expansion(2, 1.0))
        right = faiss.search(QUERIES, 10, allowed, exclude_ids=own, expansion=Expansion(2, 1.0))
        np.testing.assert_array_equal(found.ids, right.ids)
        np.testing.assert_allclose(found.scores, right.scores, atol=2e-6)
    np.testing.assert_array_equal(ours.vectors(IDS[[700, 300]]), KEPT.vectors[[700, 300]])
    np.testing.assert_array_equal(store.open_current("7-3").ids, IDS[FIRST])  # type: ignore[union-attr]
    with pytest.raises(NotFoundError):
        ours.vectors(IDS[:1])
    with pytest.raises(NotFoundError):
        ours.vectors(np.array([2], dtype=np.int64))


def test_changes_are_taken_in_while_an_older_snapshot_goes_on_searching(store: MilvusStore) -> None:
    built(store, KEPT, FIRST)
    removed = IDS[:50]
    before = snapshot(store, LATER, removed)
    right = before.search(QUERIES, 20)
    assert before.generation is not None
    changed = store.open_current("7-3").applied([(IDS[LATER], KEPT.vectors[LATER])], removed)  # type: ignore[union-attr]
    assert (changed.count, changed.last_id) == (850, IDS[-1])
    assert store.current_name("7-3") == changed.name != before.generation.name
    # whoever searches with what was known before finds nothing twice, and nothing that is gone
    for live in (before, snapshot(store, slice(0, 0))):
        found = live.search(QUERIES, 20)
        np.testing.assert_array_equal(found.ids, right.ids)
        np.testing.assert_allclose(found.scores, right.scores, atol=2e-6)
    np.testing.assert_array_equal(changed.known(IDS[[0, 60, 899]]), [False, True, True])
    again = changed.applied([(IDS[LATER], KEPT.vectors[LATER])], removed)
    assert again.count == 850


def test_searches_see_a_whole_generation_while_the_next_one_is_built_aside(server_store: MilvusStore) -> None:
    built(server_store, KEPT, slice(0, 300))
    wrong: list[str] = []
    done = threading.Event()
    exact = {}
    for count in (300, 600):
        centre = KEPT.vectors[:count].astype(np.float32).mean(axis=0)
        units = normalise(KEPT.vectors[:count].astype(np.float32) - centre)
        exact[count] = brute_force(normalise(QUERIES[:1] - centre), IDS[:count], units, 10).ids

    def search() -> None:
        while not done.is_set():
            live = snapshot(server_store, slice(0, 0))
            if not np.array_equal(live.search(QUERIES[:1], 10).ids, exact[live.count]):
                wrong.append(f"{live.count} vectors")

    searcher = threading.Thread(target=search)
    searcher.start()
    try:
        built(server_store, KEPT, FIRST)
    finally:
        done.set()
        searcher.join()
    assert not wrong
    assert snapshot(server_store, slice(0, 0)).count == 600


def test_old_generations_and_leftovers_are_swept_and_an_index_is_dropped_whole(
    server_store: MilvusStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server_store.open_current("7-3") is None
    built(server_store, KEPT, slice(0, 100))
    other = server_store.create("7-31", DIMS)
    left = server_store.create("7-3", DIMS)
    built(server_store, KEPT, slice(0, 200))
    # the one before serves those who search, and one is being filled by somebody
    assert server_store.sweep("7-3") == 1
    monkeypatch.setattr("search.index.milvus.store.BUILD_LASTS_AT_MOST", np.timedelta64(0, "s").item())
    assert server_store.sweep("7-3") == 1
    assert not server_store.call("has_collection", left)
    assert snapshot(server_store, slice(0, 0)).count == 200
    server_store.drop("7-3")
    server_store.drop("7-3")
    assert server_store.open_current("7-3") is None
    assert server_store.call("has_collection", other)
    server_store.drop("7-31")


def test_an_index_dropped_while_it_is_built_stays_dropped(lite_store: MilvusStore) -> None:
    generation = built(lite_store, KEPT, slice(0, 100))
    lite_store.drop("7-3")
    with pytest.raises(IndexDamagedError, match="dropped while"):
        lite_store.publish("7-3", generation.collection, generation.manifest)
    assert lite_store.open_current("7-3") is None


def test_what_is_not_as_it_was_published_is_refused(lite_store: MilvusStore) -> None:
    generation = built(lite_store, KEPT, slice(0, 100))
    generation.index.remove(IDS[:1])
    with pytest.raises(IndexDamagedError, match="99 vectors instead of 100"):
        lite_store.open_current("7-3")
    assert lite_store.open_current("7-3", checksums=False) is not None
    lite_store.call(
        "alter_collection_properties", generation.collection, properties={MANIFEST_PROPERTY: "{}"}
    )
    with pytest.raises(IndexDamagedError, match="does not say what it is"):
        lite_store.open_current("7-3", checksums=False)


def test_a_build_that_fails_leaves_the_old_generation_and_no_collection(lite_store: MilvusStore) -> None:
    old = built(lite_store, KEPT, slice(0, 100))
    before = lite_store.call("list_collections")
    backwards = KeptVectors(IDS[::-1], KEPT.vectors)
    with pytest.raises(IndexInputError, match="ascend"):
        built(lite_store, backwards, slice(800, 900))
    assert sorted(lite_store.call("list_collections")) == sorted(before)
    assert lite_store.current_name("7-3") == old.name


@pytest.mark.parametrize("count", [0, 1])
def test_very_small_indexes_work(lite_store: MilvusStore, count: int) -> None:
    built(lite_store, KEPT, slice(0, count))
    live = snapshot(lite_store, slice(0, 0))
    assert live.count == count
    found = live.search(KEPT.vectors[:2].astype(np.float32), 5)
    assert (found.ids != -1).sum() == 2 * count


def test_a_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    nobody = MilvusServer("http://127.0.0.1:9", timeout_s=0.5)
    with pytest.raises(IndexUnreachableError, match=r"127\.0\.0\.1:9"):
        store_of(nobody, KEPT, tmp_path).ready()


def test_a_wrong_token_is_refused(standalone_milvus: MilvusServer, tmp_path: Path) -> None:
    stranger = MilvusServer(standalone_milvus.uri, "root:wrong", timeout_s=2.0)
    with pytest.raises(IndexUnreachableError):
        store_of(stranger, KEPT, tmp_path).ready()


def test_more_hits_than_milvus_gives_are_refused(milvus_lite: MilvusServer, tmp_path: Path) -> None:
    generation = built(store_of(milvus_lite, KEPT, tmp_path), KEPT, slice(0, 100))
    with pytest.raises(IndexInputError, match="at most"):
        generation.search(normalise(QUERIES), MOST_HITS + 1)


def test_the_kind_of_index_follows_the_size_unless_one_is_named() -> None:
    assert kind_for(50_000).name == "FLAT"
    assert kind_for(50_001).name == "IVF_SQ8"
    assert kind_for(10, "HNSW") is KINDS["HNSW"]
    # lists are those of a segment, however many segments there are
    assert KINDS["IVF_SQ8"].build(10**6, 512) == KINDS["IVF_SQ8"].build(10**9, 512) == {"nlist": 2048}
    with pytest.raises(IndexInputError, match="FASTEST"):
        kind_for(10, "FASTEST")


def test_the_sample_of_a_survey_is_drawn_evenly() -> None:
    many = np.arange(20_000, dtype=np.int64)
    vectors = np.zeros((20_000, 2), dtype=np.float16)
    found = survey(((many[i : i + 700], vectors[i : i + 700]) for i in range(0, 20_000, 700)), 2)
    assert (found.count, len(found.sample_ids), len(np.unique(found.sample_ids))) == (20_000, 512, 512)
    shares = np.histogram(found.sample_ids, bins=4, range=(0, 20_000))[0] / 512
    assert np.abs(shares - 0.25).max() < 0.06
