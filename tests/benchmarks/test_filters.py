"""The rows that the benchmark of filters makes by SQL fit the tables, and each of its filters finds some."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client

from benchmarks import filters
from gallery.browse.where_text import where_text
from gallery.models import Dataset, Image
from search.features.feature_specs import live_spec
from search.live.finding.filtering import allowed_rows
from search.models import Embedding, SearchIndex

pytestmark = [pytest.mark.django_db, pytest.mark.servers]
COUNT = 3000
FINDING_NONE = {"filename:99999", "id:shop-500000", "date:2026-03", "date>=2025-02"}  # of so few


@pytest.fixture
def index() -> SearchIndex:
    """Return the index of a few such rows."""
    spec, dataset = live_spec(), Dataset.objects.create(slug="million", name="A million")
    with connection.cursor() as cursor:
        for statement in filters.statements(dataset, spec, COUNT):
            cursor.execute(statement)
        cursor.execute("ANALYZE")  # else PostgreSQL takes the tables for empty, and seconds
    return SearchIndex.objects.create(dataset=dataset, spec=spec, live=True)


def test_every_filter_finds_some_of_the_rows_and_not_all(index: SearchIndex) -> None:
    assert Image.objects.count() == Embedding.objects.count() == COUNT
    for text in filters.FILTERS:
        found = allowed_rows(index, where_text(text))
        assert (len(found) > 0) != (text in FINDING_NONE), text
        assert len(found) < COUNT or text in ("no:meta.lens", "filename:jpg", "-id:shop-500000"), text


def test_every_way_to_ask_says_what_it_found(
    index: SearchIndex, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "ROUNDS", 1)
    ways = {
        asked: filters._measured(work, said) for asked, work, said in filters._ways(client, index, "no:label")
    }
    assert [ways[name]["said"] for name in ("facets", "listing", "search")] == ["all counted", "300", "300"]
    assert all(one["ms_max"] >= one["first_ms"] > 0 for one in ways.values())
