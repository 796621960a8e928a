"""Query documents: examples for and against, filters, pages and uploads, through the REST interface."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gallery.errors import NotFoundError
from gallery.models import Dataset, FurtherCategory, Image
from search.live import engine, long_searches
from search.live.document import Example, QueryDocument
from search.live.examples import uploads
from search.maintenance import schedule
from tests.conftest import image_bytes, sample_files

pytestmark = pytest.mark.django_db(transaction=True)


def search(client: Client, /, **document: Any) -> Any:
    """POST a search, and return its answer in JSON."""
    return client.post("/api/v1/search/", json.dumps(document), content_type="application/json").json()


def images_of(answer: Any) -> list[int]:
    """Return the ids of the hits of an answer."""
    return [hit["image"] for hit in answer["hits"]]


@pytest.fixture
def images(sample_dataset: Callable[..., Dataset]) -> list[Image]:
    """Return sixteen searchable images in four categories."""
    return list(sample_dataset(count=4).images.order_by("pk"))


def test_one_example_finds_what_the_simple_form_finds(images: list[Image], client: Client) -> None:
    query = images[0]
    simple = search(client, image=query.pk, k=9)
    document = search(client, like=[{"image": query.pk}], k=9)
    ranked = ("rank", "image", "score", "dataset", "label", "url")
    assert [[hit[key] for key in ranked] for hit in document["hits"]] == [
        [hit[key] for key in ranked] for hit in simple["hits"]
    ]
    assert (document["searched"], document["filtered_to"]) == (16, None)
    assert document["like"][0]["image"]["filename"] == query.filename
    assert document["config"]["dims"] == 512
    (asked,) = document["indexes"]
    assert (asked["dataset"], asked["path"], asked["config"]) == ("mine", "exact", document["config"])
    assert {hit["probability"] for hit in document["hits"]} == {None}


def test_pages_of_a_document_continue_where_the_last_ended(images: list[Image], client: Client) -> None:
    documents: list[dict[str, Any]] = [{"like": [{"image": images[0].pk}]}, {"where": {}}]
    for document in documents:
        whole = search(client, **document, k=16)
        assert whole["next"] is None
        pages: list[Any] = []
        cursor = None
        while not pages or cursor is not None:
            page = search(client, **document, k=6, cursor=cursor)
            pages += page["hits"]
            cursor = page["next"]
        assert pages == whole["hits"]
        assert [hit["rank"] for hit in pages] == list(range(1, len(pages) + 1))
        assert search(client, **document, k=6, cursor="6")["hits"] == pages[6:12]


def test_what_is_liked_draws_hits_and_what_is_not_repels_them(images: list[Image], client: Client) -> None:
    birds, coins = images[:4], images[4:8]
    bird, coin = {"image": birds[0].pk}, {"image": coins[0].pk}

    def mean_place(answer: Any, some: list[Image]) -> float:
        ids = images_of(answer)
        return sum(ids.index(image.pk) / len(ids) for image in some) / len(some)

    alone = search(client, like=[coin], k=15)
    both = search(client, like=[coin, bird], k=14)
    assert mean_place(both, birds[1:]) < mean_place(alone, birds[1:])
    heavy = search(client, like=[coin, bird | {"weight": 9}], k=14)
    assert mean_place(heavy, birds[1:]) < mean_place(both, birds[1:])
    away = search(client, like=[coin, bird], unlike=[{"image": coins[1].pk}], k=13)
    assert mean_place(away, coins[2:]) > mean_place(both, coins[2:])
    # what was judged is no hit
    assert len(images_of(away)) == 13
    assert not {birds[0].pk, coins[0].pk, coins[1].pk} & set(images_of(away))


def test_a_filter_is_combined_with_examples_and_stands_alone(images: list[Image], client: Client) -> None:
    label = images[5].category
    narrowed = search(client, like=[{"image": images[0].pk}], where={"label": label}, k=20)
    assert (narrowed["searched"], narrowed["filtered_to"]) == (16, 4)
    assert {hit["label"] for hit in narrowed["hits"]} == {label}
    alone = search(client, where=f"label:{label}", k=20)
    assert images_of(alone) == sorted(images_of(narrowed), reverse=True)
    assert (alone["filtered_to"], alone["config"], alone["hits"][0]["score"]) == (4, None, None)


def test_datasets_that_are_named_are_searched_and_no_others(images: list[Image], client: Client) -> None:
    Dataset.objects.create(slug="empty", name="Empty")
    found = search(client, like=[{"image": images[0].pk}], datasets=["mine", "empty", "mine"], k=3)
    assert len(found["hits"]) == 3
    assert search(client, datasets=["empty"])["hits"] == []
    answer = search(client, like=[{"image": images[0].pk}], datasets=["mine", "nowhere"])
    assert answer["error"] == {"code": "not_found", "detail": "There is no dataset called nowhere."}


def test_an_upload_is_searched_with_until_it_ends(
    images: list[Image], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = sample_files("objects200", images[0].category, 5)[-1].read_bytes()
    sent = client.post("/api/v1/uploads/", {"file": SimpleUploadedFile("a.png", data)})
    assert sent.status_code == 201
    name = sent.json()["upload"]
    found = search(client, like=[{"upload": name}], k=3)
    simple = client.post("/api/v1/search/", {"file": SimpleUploadedFile("a.png", data), "k": 3}).json()
    assert images_of(found) == images_of(simple)
    assert found["like"][0]["thumbnail"].startswith("data:image/jpeg")

    schedule.tidy()
    assert default_storage.exists(f"query-uploads/{name}")
    now = time.time() + 25 * 3600
    monkeypatch.setattr("search.live.examples.uploads.time.time", lambda: now)
    gone = search(client, like=[{"upload": name}])
    assert gone["error"]["code"] == "not_found"
    schedule.tidy()
    assert not default_storage.exists(f"query-uploads/{name}")


def test_the_pixels_of_examples_are_let_go_but_for_the_one_that_explains(images: list[Image]) -> None:
    like = tuple(Example(upload=uploads.keep(image_bytes(number)).id) for number in (41, 42))
    assert [len(one.squares) for one in engine.answered(QueryDocument(like=like)).like] == [0, 0]
    explained = engine.answered(QueryDocument(like=like, explain=True))
    assert [len(one.squares) for one in explained.like] == [1, 0]
    assert explained.explanations[0] is not None


def test_the_examples_of_a_request_are_read_in_bounded_time(
    images: list[Image], client: Client, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.FETCH_TIMEOUT_S = 0.0
    monkeypatch.setattr(long_searches, "EXAMPLES_WITHIN_S", 0.5)
    read, began = uploads.read, time.monotonic()

    def slowly(name: str) -> bytes:
        time.sleep(0.2)
        return read(name)

    name = uploads.keep(image_bytes(41)).id
    monkeypatch.setattr(uploads, "read", slowly)
    assert search(client, like=[{"upload": name}])["hits"]
    refused = search(client, like=[{"upload": name}] * 50)
    assert (refused["error"]["code"], "fewer" in refused["error"]["detail"]) == ("busy", True)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("upload", ["../../etc/passwd", "", "ffffffff-1-" + "a" * 22, "x"])
def test_an_upload_that_is_none_is_refused(db: None, client: Client, upload: str) -> None:
    assert search(client, like=[{"upload": upload}])["error"]["code"] in ("not_found", "invalid")


def test_what_is_no_image_is_not_kept(db: None, client: Client) -> None:
    sent = client.post("/api/v1/uploads/", {"file": SimpleUploadedFile("a.png", b"only words")})
    assert (sent.status_code, sent.json()["error"]["code"]) == (415, "not_a_picture")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"like": [{"image": 1}], "page": 2}, "page"),
        ({"like": [{"image": 1}], "image": 2}, "image"),
        ({"like": [{"image": 1, "upload": "x"}]}, "exactly one"),
        ({"like": [{}]}, "exactly one"),
        ({"like": [{"image": 1, "weight": 0}]}, "weight"),
        ({"unlike": [{"image": 1}]}, "like"),
        ({"where": {"colour": "red"}}, "colour"),
        ({"where": {"label": ["a", "b"]}}, "label"),
        ({"where": "wide"}, "wide"),
        ({"where": 7}, "where"),
        ({"like": [{"image": 1}], "cursor": "x"}, "cursor"),
        ({"like": [{"image": 1}], "nonsense": 1}, "nonsense"),
        ({"datasets": "mine"}, "datasets"),
    ],
)
def test_a_document_that_asks_for_what_there_is_not_is_refused_in_words(
    db: None, client: Client, document: dict[str, Any], words: str
) -> None:
    error = search(client, **document)["error"]
    assert error["code"] == "invalid"
    assert words in error["detail"]


def test_a_batch_answers_documents_and_simple_searches(images: list[Image], client: Client) -> None:
    queries = [
        {"like": [{"image": images[0].pk}], "k": 2},
        {"image": images[0].pk, "k": 2},
        {"where": {}, "k": 1},
    ]
    sent = client.post(
        "/api/v1/search/batch/", json.dumps({"queries": queries}), content_type="application/json"
    )
    first, second, third = sent.json()["answers"]
    assert images_of(first) == images_of(second)
    assert images_of(third) == [images[-1].pk]


def test_a_filter_loses_no_hit_and_says_how_the_index_was_asked(images: list[Image], client: Client) -> None:
    FurtherCategory.objects.create(image=images[9], name=images[0].category)
    every = search(client, like=[{"image": images[3].pk}], k=20)
    own = {image.pk for image in images[:4]} | {images[9].pk}
    found = search(
        client, like=[{"image": images[3].pk}], where={"label": {"any": [images[0].category]}}, k=20
    )
    assert images_of(found) == [pk for pk in images_of(every) if pk in own]
    assert found["indexes"][0] | {"filtered_to": 5, "path": "exact"} == found["indexes"][0]


def test_many_small_uploads_count_as_larger_ones(db: None, settings: Any) -> None:
    settings.QUERY_UPLOADS_MB = 3.5 * uploads.LEAST_BYTES / 2**20
    data = image_bytes(1, size=(8, 6))
    for _ in range(5):
        uploads.keep(data)
    assert len(default_storage.listdir("query-uploads")[1]) == 3


def test_the_oldest_uploads_go_where_all_take_too_much(
    db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = image_bytes(1, size=(500, 400))
    settings.QUERY_UPLOADS_MB = 2.5 * len(data) / 2**20
    began = time.time()
    kept = []
    for number in range(4):
        monkeypatch.setattr("search.live.examples.uploads.time.time", lambda later=number: began + later)
        kept.append(uploads.keep(data).id)
    assert uploads.read(kept[3]) == uploads.read(kept[2]) == data
    for gone in kept[:2]:
        with pytest.raises(NotFoundError):
            uploads.read(gone)
