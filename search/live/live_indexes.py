"""Finds the indexes that answer live searches, with their specs, by one statement that is kept."""

from __future__ import annotations

from functools import lru_cache

from django.db import DEFAULT_DB_ALIAS

from search.live.compiled_query import Prepared
from search.models import FeatureSpec, SearchIndex

SPECS_KEPT = 256


def _live(slugs: int) -> Prepared.Query:
    live = SearchIndex.objects.filter(live=True)
    if slugs:
        live = live.filter(dataset__slug="one")
    return live.values_list("pk", "dataset_id", "revision", "spec_id", "spec__fingerprint")


_LIVE = Prepared(_live)


def live_indexes(dataset: str | None) -> list[SearchIndex]:
    """Return the live indexes, or the one of a dataset (slug), fresh but for columns that no search needs."""
    return [_index(*row) for row in _LIVE.rows([] if dataset is None else [dataset])]


def _index(pk: int, dataset_id: int, revision: int, spec_id: int, fingerprint: str) -> SearchIndex:
    names = ("id", "dataset_id", "spec_id", "live", "revision")
    index = SearchIndex.from_db(DEFAULT_DB_ALIAS, names, (pk, dataset_id, spec_id, True, revision))
    index.spec = _spec(spec_id, fingerprint)
    return index


@lru_cache(SPECS_KEPT)
def _spec(spec_id: int, fingerprint: str) -> FeatureSpec:
    """Return a spec: its row never changes, and the fingerprint says all that is in it."""
    return FeatureSpec.objects.get(pk=spec_id, fingerprint=fingerprint)
