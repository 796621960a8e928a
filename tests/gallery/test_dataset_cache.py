"""What is remembered of datasets for as long as their images stay as they are."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from gallery.counts.dataset_cache import DatasetCache
from gallery.models import Dataset

NOW = timezone.now()


def dataset(pk: int, revision: int = 0, age_days: int = 0) -> Dataset:
    """Return a dataset that is in no database."""
    return Dataset(pk=pk, revision=revision, created_at=NOW - timedelta(days=age_days))


def test_a_value_is_made_once_a_revision_from_that_of_an_earlier_one() -> None:
    cache: DatasetCache[str] = DatasetCache(2)
    given = []

    def make(earlier: str | None) -> str:
        given.append(earlier)
        return f"value {len(given)}"

    shown = [cache.get(dataset(1, revision), make) for revision in (3, 3, 4, 4)]
    assert shown == ["value 1", "value 1", "value 2", "value 2"]
    assert given == [None, "value 1"]


def test_another_dataset_of_the_same_key_and_another_variant_have_values_of_their_own() -> None:
    cache: DatasetCache[str] = DatasetCache(9)
    assert cache.get(dataset(1), lambda _: "new") == "new"
    assert cache.get(dataset(1, age_days=1), lambda _: "old") == "old"
    assert cache.get(dataset(1), lambda _: "seed 7", 7) == "seed 7"
    assert cache.get(dataset(1), lambda _: "never") == "new"


def test_the_value_that_was_used_longest_ago_makes_room() -> None:
    cache: DatasetCache[str] = DatasetCache(2)
    for pk in (1, 2, 1, 3):
        cache.get(dataset(pk), lambda _: "first")
    assert len(cache) == 2
    assert [cache.get(dataset(pk), lambda _: "again") for pk in (1, 3, 2)] == ["first", "first", "again"]
    cache.clear()
    assert len(cache) == 0
