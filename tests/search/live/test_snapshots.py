"""How what is searched follows the database: at once, or beside the searches of a large index."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.db.models import F

from gallery.models import Dataset, Image
from search.embedding.writer import store_embeddings
from search.features import feature_specs
from search.indexing import builds, snapshots
from search.models import Embedding, SearchIndex

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every index count as a large one, whose refresher does not wait for long."""
    monkeypatch.setattr(snapshots, "AT_ONCE_UP_TO", 0)
    monkeypatch.setattr(snapshots, "REFRESHER_WAITS_S", 0.05)


@pytest.fixture
def index(sample_dataset: Callable[..., Dataset]) -> SearchIndex:
    """Return an index of twelve pictures with a generation, of which the last is yet to be embedded."""
    dataset = sample_dataset(count=3)
    made = feature_specs.live_index(dataset)
    Embedding.objects.all().delete()
    images = list(Image.objects.order_by("pk").values_list("pk", flat=True))
    store_embeddings(made, np.array(images[:-1]), vectors(made, len(images) - 1))
    builds.rebuild(made)
    return again(made)


def vectors(index: SearchIndex, count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(count).normal(size=(count, index.spec.dims)).astype(np.float32)


def again(index: SearchIndex) -> SearchIndex:
    return SearchIndex.objects.select_related("spec", "dataset").get(pk=index.pk)


def embed_the_last(index: SearchIndex) -> None:
    last = Image.objects.order_by("pk").last()
    assert last is not None
    store_embeddings(index, np.array([last.pk]), vectors(index, 1))


def wait_for_refreshes() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("refresh"):
            thread.join(10)


def test_a_small_index_is_true_at_every_search(index: SearchIndex) -> None:
    assert snapshots.searchable(index).count == 11
    embed_the_last(index)
    assert snapshots.searchable(again(index)).count == 12


def test_a_large_index_is_brought_up_to_date_beside_the_searches(
    large: None, index: SearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_refresh = threading.Event()
    refreshed = snapshots._refreshed

    def held(index: SearchIndex) -> snapshots.Snapshot:
        if threading.current_thread().name.startswith("refresh"):
            assert may_refresh.wait(10)
        return refreshed(index)

    monkeypatch.setattr(snapshots, "_refreshed", held)
    monkeypatch.setattr(snapshots, "REFRESHED_EVERY_S", 0.0)
    monkeypatch.setattr(snapshots, "STALE_AT_MOST_S", 60.0)  # however long this takes
    assert snapshots.searchable(index).count == 11
    embed_the_last(index)
    assert snapshots.searchable(again(index)).count == 11
    may_refresh.set()
    wait_for_refreshes()
    may_refresh.clear()
    assert snapshots.searchable(again(index)).count == 12
    gone = Image.objects.order_by("pk").first()
    assert gone is not None
    builds.note_removed(index.dataset_id, [gone.pk])
    assert snapshots.searchable(again(index)).count == 12
    may_refresh.set()
    wait_for_refreshes()
    assert snapshots.searchable(again(index)).count == 11


def test_a_large_index_is_brought_up_to_date_once_in_a_while(
    large: None, index: SearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "STALE_AT_MOST_S", 60.0)
    monkeypatch.setattr(snapshots, "REFRESHED_EVERY_S", 30.0)
    assert snapshots.searchable(index).count == 11
    embed_the_last(index)
    for _ in range(3):
        assert snapshots.searchable(again(index)).count == 11
        assert not any(thread.name.startswith("refresh") for thread in threading.enumerate())
    monkeypatch.setattr(snapshots, "REFRESHED_EVERY_S", 0.0)
    snapshots.searchable(again(index))
    wait_for_refreshes()
    assert snapshots.searchable(again(index)).count == 12


def test_a_large_index_that_nobody_asked_for_a_while_is_true_at_once(
    index: SearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "AT_ONCE_UP_TO", 0)
    monkeypatch.setattr(snapshots, "STALE_AT_MOST_S", 0.0)
    assert snapshots.searchable(index).count == 11
    embed_the_last(index)
    assert snapshots.searchable(again(index)).count == 12


def test_only_what_is_new_is_read(index: SearchIndex, django_assert_num_queries: Callable[..., Any]) -> None:
    snapshots.searchable(index)
    embed_the_last(index)
    fresh = again(index)
    newest = Embedding.objects.order_by("pk").values_list("pk", flat=True)[10]
    # what came since, the end of it, how many were removed, and what scores mean
    with django_assert_num_queries(4) as queries:
        assert snapshots.searchable(fresh).count == 12
    assert f"> {newest}" in queries.captured_queries[0]["sql"]


def test_removals_follow_as_additions_do(index: SearchIndex) -> None:
    snapshots.searchable(index)
    gone = Image.objects.order_by("pk").first()
    assert gone is not None
    builds.note_removed(index.dataset_id, [gone.pk])
    assert snapshots.searchable(again(index)).count == 10


def test_a_revision_without_a_change_changes_nothing(index: SearchIndex) -> None:
    before = snapshots.searchable(index)
    SearchIndex.objects.filter(pk=index.pk).update(revision=F("revision") + 1)
    after = snapshots.searchable(again(index))
    np.testing.assert_array_equal(before.delta_ids, after.delta_ids)
    assert after.count == Embedding.objects.count() == 11
