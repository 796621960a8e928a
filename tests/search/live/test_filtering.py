"""Filtered searches lose no hit, however many a filter allows, and facets count what it finds."""

from __future__ import annotations

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
from search.live.index_queries import IndexQuery
from search.live.ranking import Ranking, allowed_ids
from search.live.steering import Steering
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
    allowed = allowed_ids(index, where)
    assert allowed is not None
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
    assert all(facet["timed_out"] for facet in facets(where_text("width>=1"), []))
    with pytest.raises(browse_facets.TooSlowError), browse_facets.within(0.01), connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM gallery_image a, gallery_image b, gallery_image c")
    assert Image.objects.count() == COUNT
