"""Filtered searches lose no hit, however many a filter allows, and facets count what it finds."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
from django.db import connection
from django.test import Client

from gallery.browse import facets as browse_facets
from gallery.browse.facets import facets
from gallery.browse.where import EVERY_IMAGE
from gallery.browse.where_text import where_text
from gallery.models import Dataset, Image
from search.index.live import Expansion
from search.indexing import snapshots
from search.live.finding import filtering
from search.live.finding.filtering import allowed_of, allowed_rows
from search.live.finding.index_queries import IndexQuery
from search.live.finding.ranking import Ranking
from search.live.finding.steering import Steering
from search.live.timings import Timings
from search.models import Embedding, FeatureSpec, SearchIndex

pytestmark = pytest.mark.django_db(transaction=True)

COUNT, DIMS = 1500, 32
# what a filter allows of 1,500, which the widths of the images say
SHARES = {"width<=1": 1, "width<=15": 15, "width<=150": 150, "width<=900": 900, "width>=1": 1500}


@pytest.fixture
def index(db: None) -> SearchIndex:
    """Return an index of 1,500 vectors; the widths of the images count them in another order."""
    dataset = Dataset.objects.create(slug="mine", name="Mine")
    spec = FeatureSpec.objects.create(
        fingerprint="x", model="m", layer="l", pooling="p", input_size=1, resize="r", weights_digest="w",
        dims=DIMS,
    )  # fmt: skip
    random = np.random.default_rng(1)
    images = Image.objects.bulk_create(
        Image(
            dataset=dataset, sha256=str(number), filename=f"{number}.png", width=int(width) + 1, height=10,
            size_bytes=1, format="PNG" if number % 3 else "GIF", category=("a", "b", "")[number % 3],
        )
        for number, width in enumerate(random.permutation(COUNT))
    )  # fmt: skip
    vectors = random.normal(size=(COUNT, DIMS)).astype("<f2")
    Embedding.objects.bulk_create(
        Embedding(image=image, spec=spec, dataset=dataset, vector=vector.tobytes())
        for image, vector in zip(images, vectors, strict=True)
    )
    return SearchIndex.objects.create(dataset=dataset, spec=spec, live=True)


@pytest.mark.parametrize("text", SHARES)
def test_a_filter_finds_what_exact_search_finds_of_what_it_allows(index: SearchIndex, text: str) -> None:
    where = where_text(text)
    query = np.random.default_rng(2).normal(size=DIMS).astype(np.float32)
    allowed = np.array(list(allowed_rows(index, where)))
    assert len(allowed) == SHARES[text]
    found = Ranking([IndexQuery(index, query, None, None, where)], Timings()).hits(20, ())
    live = snapshots.searchable(index)
    units = live.vectors(allowed).astype(np.float64) - live.centre
    cosines = (
        units @ (query - live.centre) / np.linalg.norm(units, axis=1) / np.linalg.norm(query - live.centre)
    )
    nearest = allowed[np.argsort(-cosines)[:20]]
    images = dict(Embedding.objects.filter(pk__in=nearest.tolist()).values_list("pk", "image"))
    assert [hit.image.pk for hit in found] == [images[key] for key in nearest.tolist()]


def test_of_very_many_that_a_filter_allows_the_nearest_are_found_and_not_counted(
    index: SearchIndex, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = where_text("width<=900")
    query = np.random.default_rng(2).normal(size=DIMS).astype(np.float32)
    asked = IndexQuery(index, query, None, None, where)
    live = snapshots.searchable(index)
    first, second = (Ranking([asked], Timings()) for _ in range(2))
    few = allowed_of(live, asked, 20)
    assert few is not None
    assert (len(few.ids), few.many) == (900, False)
    exact = [hit.image.pk for hit in first.hits(20, ())]
    monkeypatch.setattr(filtering, "MOST_ALLOWED", 100)
    monkeypatch.setattr(filtering, "NEAR", (10, 60, 400))
    allowed = allowed_of(live, asked, 20)
    assert allowed is not None
    assert allowed.many
    assert set(allowed.ids.tolist()) < set(few.ids.tolist())
    assert [hit.image.pk for hit in second.hits(20, ())] == exact
    assert (second.asked[0].allowed, second.asked[0].many) == (None, True)
    # what so few of the nearest are is read to the end
    none_near = allowed_of(live, asked, 1000)
    assert none_near is not None
    assert (len(none_near.ids), none_near.many) == (900, False)
    image = Image.objects.all()[0].pk
    document = {"like": [{"image": image}], "where": "width<=900", "k": 5, "datasets": ["mine"]}
    answer = client.post("/api/v1/search/", json.dumps(document), "application/json").json()
    assert (answer["many"], answer["filtered_to"], answer["searched"]) == (True, None, 1500)


@pytest.mark.parametrize("text", ["width<=2", "width<=900", "width>5000", "word:dog", ""])
def test_the_newest_that_a_filter_finds_are_listed_however_many_have_to_be_looked_at(
    index: SearchIndex, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(filtering, "NEWEST", 200)
    rows, where = Image.objects.filter(dataset=index.dataset_id), where_text(text)
    expected = list(where.found(rows).order_by("-pk").values_list("pk", flat=True)[:30])
    assert filtering.newest_of_many(where, rows, 30) == expected


def test_what_takes_too_long_to_count_is_many(
    index: SearchIndex, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = partial(client.post, "/api/v1/search/", content_type="application/json")
    counted = asked(data={"where": "width<=900", "k": 5}).json()
    assert (counted["many"], counted["searched"], counted["filtered_to"]) == (False, 900, 900)
    monkeypatch.setattr(filtering, "COUNTED_WITHIN_S", 0)
    # a machine that stands still for a moment makes no many of few
    assert asked(data={"where": "width<=900", "k": 5}).json()["filtered_to"] == 900
    monkeypatch.setattr(browse_facets, "FEW", 100)
    many = asked(data={"where": "width<=900", "k": 5}).json()
    assert (many["many"], many["searched"], many["filtered_to"]) == (True, 6, None)
    assert many["hits"] == counted["hits"]
    every = asked(data={"datasets": ["mine"], "k": 5}).json()
    assert (every["many"], every["searched"]) == (False, 1500)


def test_a_steered_query_is_asked_about_the_centre_of_the_index(index: SearchIndex) -> None:
    live = snapshots.searchable(index)
    rows = live.vectors(live.delta_ids[:5]).astype(np.float32)
    ones = np.ones(3, dtype=np.float32)
    steering = Steering(rows[:3], ones, rows[3:], ones[:2])
    units = rows - live.centre
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    expected = units[:3].mean(axis=0) - 0.5 * units[3:].mean(axis=0)
    asked = steering.query(live.centre) - live.centre
    np.testing.assert_allclose(asked, expected / np.linalg.norm(expected), atol=1e-5)
    alone = Steering(rows[:1], ones[:1], rows[:0], ones[:0])
    plain = live.search(rows[:1], 9, expansion=Expansion(0))
    assert live.search(alone.query(live.centre)[None], 9).ids.tolist() == plain.ids.tolist()


def test_facets_count_what_a_filter_finds(
    index: SearchIndex, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browse_facets, "ALLOWED_MS", 60_000)
    answer = client.get("/api/v1/facets/", {"where": "width<=900"}).json()["facets"]
    found = {facet["field"]: {one["value"]: one["count"] for one in facet["counts"]} for facet in answer}
    images = Image.objects.filter(width__lte=900)
    assert found["format"] == {name: images.filter(format=name).count() for name in ("PNG", "GIF")}
    assert found["label"] == {name: images.filter(category=name).count() for name in ("a", "b", "")}
    assert found["dataset"] == {"mine": 900}
    assert sum(found["orientation"].values()) == 900
    assert [facet["timed_out"] for facet in answer] == [False] * 5
    every = {facet["field"]: facet["counts"] for facet in facets(EVERY_IMAGE, ["mine"])}
    assert every["label"] == [{"value": name, "count": 500} for name in ("", "a", "b")]
    monkeypatch.setattr(browse_facets, "MOST_GROUPS", 6)  # with labels there are seven, without five
    few = {facet["field"]: facet for facet in facets(where_text("width<=900"), ["mine"])}
    assert [name for name, facet in few.items() if facet["timed_out"]] == ["label"]
    assert {one["value"]: one["count"] for one in few["format"]["counts"]} == found["format"]
    assert client.get("/api/v1/facets/", {"where": "wide"}).status_code == 400
    assert client.get("/api/v1/facets/", {"dataset": "nowhere"}).status_code == 404


def test_a_facet_that_takes_too_long_says_so_and_the_next_query_is_answered(
    index: SearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browse_facets, "ALLOWED_MS", 0)
    assert not any(facet["timed_out"] for facet in facets(where_text("width>=1"), []))
    monkeypatch.setattr(browse_facets, "FEW", 100)
    assert all(facet["timed_out"] for facet in facets(where_text("width>=1"), []))
    with pytest.raises(browse_facets.TooSlowError), browse_facets.within(0.01), connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM gallery_image a, gallery_image b, gallery_image c")
    assert Image.objects.count() == COUNT


@pytest.mark.servers
def test_what_is_asked_afterwards_in_the_same_transaction_has_no_limit(db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no such limit")
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        before = cursor.fetchone()
        with browse_facets.within(0.5):
            Image.objects.count()
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == before


def test_all_that_is_asked_within_a_time_has_that_time_together(db: None) -> None:
    def ask_again_and_again() -> None:
        with browse_facets.within(0.05):
            while True:
                sum(range(10_000))
                Image.objects.count()

    with pytest.raises(browse_facets.TooSlowError):
        ask_again_and_again()
