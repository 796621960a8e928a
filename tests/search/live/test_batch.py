"""Searches by vector, and many of them in one request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from gallery.models import Dataset, Image
from search.live import batch, long_searches
from tests.support.rates import forget_hits

pytestmark = pytest.mark.django_db(transaction=True)


def post(client: Client, address: str, /, **values: Any) -> Any:
    """POST JSON."""
    return client.post(f"/api/v1/{address}", json.dumps(values), content_type="application/json")


@pytest.fixture
def image(sample_dataset: Callable[..., Dataset]) -> Image:
    """Return one of sixteen searchable images in four categories, which has an external id."""
    found = sample_dataset(count=4).images.order_by("pk")[0]
    found.external_id = "a-1"
    found.save()
    return found


def test_the_vector_of_an_image_finds_it_first_and_then_what_it_finds(image: Image, client: Client) -> None:
    answer = client.get(f"/api/v1/images/{image.pk}/embedding/").json()
    assert (answer["image"], answer["spec"]["dims"], len(answer["vector"])) == (image.pk, 512, 512)
    hits = post(client, "search/", vector=answer["vector"], k=10).json()["hits"]
    assert (hits[0]["image"], hits[0]["external_id"]) == (image.pk, "a-1")
    by_image = post(client, "search/", image=image.pk, k=9).json()["hits"]
    assert {hit["image"] for hit in hits[1:6]} & {hit["image"] for hit in by_image[:5]}
    assert post(client, "search/", vector=answer["vector"], label=image.category, k=9).json()["searched"] == 4
    kind = post(client, "search/", vector=answer["vector"], k=1).json()["query"]["kind"]
    assert kind == "vector"


@pytest.mark.parametrize(
    ("vector", "words"),
    [
        ([1.0, 2.0], "512"),
        ([0.0] * 512, "0"),
        ([1e9] * 512, "65504"),
        ([], "empty"),
        (["x"], "number"),
        ("abc", "list"),
    ],
)
def test_a_vector_that_cannot_be_searched_with_is_refused(
    image: Image, client: Client, vector: object, words: str
) -> None:
    answer = post(client, "search/", vector=vector)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["detail"]


def test_many_searches_are_answered_in_their_order(image: Image, client: Client) -> None:
    queries = [{"image": image.pk, "k": 3}, {"image": 10**9}, {"image": image.pk, "k": 2, "page": 2}]
    answers = post(client, "search/batch/", queries=queries).json()["answers"]
    for query, answer in ((queries[0], answers[0]), (queries[2], answers[2])):
        alone = post(client, "search/", **query).json()
        assert [hit["image"] for hit in answer["hits"]] == [hit["image"] for hit in alone["hits"]]
    assert answers[1]["error"]["code"] == "not_found"


def test_a_batch_is_refused_where_one_of_it_cannot_be_read(image: Image, client: Client) -> None:
    queries: object
    for queries in ([], [{}], [{"image": 1, "url": "x"}], [{"image": 1}] * 51, [{"file": "x"}], {"image": 1}):
        answer = post(client, "search/batch/", queries=queries)
        assert answer.status_code == 400, queries
    assert post(client, "search/batch/").status_code == 400


def test_each_search_of_a_batch_counts(image: Image, client: Client, settings: Any) -> None:
    forget_hits()
    settings.SEARCH_THROTTLE = "3/min"
    two = [{"image": image.pk, "k": 1}] * 2
    first = post(client, "search/batch/", queries=two)
    assert (first.status_code, first["RateLimit-Remaining"]) == (200, "1")
    second = post(client, "search/batch/", queries=two)
    assert (second.status_code, second.json()["error"]["code"]) == (429, "throttled")
    assert int(second["Retry-After"]) >= 1
    # where no wait would help, none is asked for
    forget_hits()
    never = post(client, "search/batch/", queries=two * 2)
    assert (never.status_code, "3" in never.json()["error"]["detail"]) == (400, True)


def test_batches_hold_few_of_many_threads(image: Image, client: Client, settings: Any) -> None:
    settings.WEB_THREADS, settings.WEB_QUEUE_S = 4, 0.05
    entered, ends = threading.Event(), threading.Event()

    def hold() -> None:
        with long_searches.place(), long_searches.place():  # what is asked inside has the same place
            entered.set()
            ends.wait(10)

    holding = threading.Thread(target=hold)
    holding.start()
    try:
        assert entered.wait(10)
        refused = post(client, "search/batch/", queries=[{"image": image.pk}])
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
        assert int(refused["Retry-After"]) >= 1
        assert post(client, "search/", image=image.pk).status_code == 200
        many = [{"image": image.pk, "box": [0, 0, 0.5, 0.5 + n / 100]} for n in range(5)]
        assert post(client, "search/", like=many).status_code == 503
        assert post(client, "search/", like=many[:4]).status_code == 200
        assert post(client, "search/", image=image.pk, k=200, page=10).status_code == 200
        assert post(client, "search/", image=image.pk, k=200, page=11).status_code == 503
    finally:
        ends.set()
        holding.join()
    assert post(client, "search/batch/", queries=[{"image": image.pk}]).status_code == 200


def test_a_batch_ends_in_time(image: Image, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "ANSWERED_WITHIN_S", -1.0)
    answers = post(client, "search/batch/", queries=[{"image": image.pk}]).json()["answers"]
    assert answers[0]["error"]["code"] == "busy"
