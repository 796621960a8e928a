"""What a live search costs the database, however many hits it shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gallery.models import Dataset, Image
from search.live import query as live_query
from search.live.finding.compiled_queries import CompiledQuery, live_indexes, stored_embedding, stored_image
from search.live.finding.hits import shown
from search.live.query import SearchRequest
from search.models import Embedding, SearchIndex
from tests.conftest import image_bytes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def searchable(sample_dataset: Callable[..., Dataset]) -> Dataset:
    """Return twelve pictures that a first search has been made of."""
    dataset = sample_dataset(count=3)
    live_query.search(SearchRequest(data=image_bytes(1)))
    return dataset


@pytest.mark.parametrize("k", [1, 12])
def test_a_search_with_an_upload_asks_the_database_twice(searchable: Dataset, client: Client, k: int) -> None:
    upload = SimpleUploadedFile("query.png", image_bytes(2), "image/png")
    with CaptureQueriesContext(connection) as asked:
        response = client.post("/api/v1/search/", {"file": upload, "k": k})
    assert len(response.json()["hits"]) == k
    tables = ["search_searchindex", "search_embedding"]
    assert [table in query["sql"] for table, query in zip(tables, asked.captured_queries, strict=True)] == [
        True,
        True,
    ]


def test_a_search_with_a_stored_image_reads_its_row_and_its_vector_once(
    searchable: Dataset, client: Client
) -> None:
    asked_for = {"image": Image.objects.earliest("pk").pk}
    client.post("/api/v1/search/", asked_for, content_type="application/json")
    with CaptureQueriesContext(connection) as asked:
        response = client.post("/api/v1/search/", asked_for, content_type="application/json")
    assert len(response.json()["hits"]) == 11
    tables = ["search_searchindex", "gallery_image", "search_embedding", "search_embedding"]
    found = [query["sql"].partition(" FROM ")[2].split('"')[1] for query in asked.captured_queries]
    assert found == tables


def test_a_hit_shows_what_the_database_holds_of_its_image(searchable: Dataset) -> None:
    image = Image.objects.order_by("pk").first()
    assert image is not None
    with image.file.open() as file:
        response = live_query.search(SearchRequest(data=file.read(), k=1))
    found = response.hits[0].image
    assert (found.pk, found.dataset, found.category) == (image.pk, "mine", image.category)
    assert (found.file, found.thumbnail) == (image.file.name, image.thumbnail.name)
    assert (found.filename, found.width, found.height) == (image.filename, image.width, image.height)


def test_a_kept_statement_reads_what_the_orm_reads(searchable: Dataset) -> None:
    pks = list(Embedding.objects.order_by("pk").values_list("pk", flat=True))
    kept = CompiledQuery(
        lambda number: Embedding.objects.filter(pk__in=range(number)).values_list("pk", "image_id")
    )
    for some in (pks[:2], pks[3:5], pks[:7]):
        read = Embedding.objects.filter(pk__in=some).values_list("pk", "image_id")
        assert sorted(kept.rows(some)) == sorted(read)


def test_a_stored_image_read_for_a_search_is_what_the_orm_reads(searchable: Dataset) -> None:
    expected = Image.objects.select_related("dataset").latest("pk")
    found = stored_image(expected.pk)
    assert found is not None
    assert (shown(found), found.dataset) == (shown(expected), expected.dataset)
    assert found.created_at == expected.created_at
    embedding = Embedding.objects.get(image=expected)
    assert stored_embedding(expected.pk, embedding.spec_id) == (embedding.pk, bytes(embedding.vector))
    assert stored_embedding(expected.pk, embedding.spec_id + 1) is None


def test_what_is_hidden_is_no_stored_image_to_search_with(searchable: Dataset) -> None:
    first, second, third = Image.objects.order_by("pk")[:3]
    Image.objects.filter(pk=first.pk).update(deleted_at=timezone.now())
    Image.objects.filter(pk=second.pk).update(missing_since=timezone.now())
    assert [stored_image(one.pk) is None for one in (first, second, third)] == [True, True, False]
    Dataset.objects.filter(pk=searchable.pk).update(deleted_at=timezone.now())
    assert stored_image(third.pk) is None


def test_a_live_index_read_for_a_search_is_what_the_orm_reads(searchable: Dataset) -> None:
    expected = SearchIndex.objects.select_related("spec").get(live=True)
    for slug in (None, searchable.slug):
        (found,) = live_indexes(slug)
        assert (found, found.spec, found.spec.config) == (expected, expected.spec, expected.spec.config)
        assert (found.revision, found.store_name) == (expected.revision, expected.store_name)
    assert live_indexes("another") == []
    SearchIndex.objects.update(revision=F("revision") + 1)
    assert live_indexes(None)[0].revision == expected.revision + 1
