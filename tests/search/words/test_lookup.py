"""A search by words: labels, names, metadata and what a classifier sees, then what looks like it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from gallery import jobs
from gallery.models import AuditEntry, Dataset, Image, SuggestedWord
from gallery.vocabulary.words import vocabulary
from search import job_kinds
from search.words import lookup

pytestmark = pytest.mark.django_db(transaction=True)


def search(client: Client, /, **document: Any) -> Any:
    """POST a search, and return its answer in JSON."""
    return client.post("/api/v1/search/", json.dumps(document), content_type="application/json").json()


def post(client: Client, address: str, **body: Any) -> Any:
    """POST JSON, and return the answer in JSON."""
    return client.post(address, json.dumps(body), content_type="application/json").json()


@pytest.fixture
def images(sample_dataset: Callable[..., Dataset]) -> list[Image]:
    """Return sixteen searchable images of four categories: birds, coins, flowers, fruit."""
    return list(sample_dataset(count=4).images.order_by("pk"))


def test_words_come_with_the_features_and_a_job_finds_the_same(images: list[Image]) -> None:
    def rows() -> list[tuple[int, int, int]]:
        return sorted(SuggestedWord.objects.values_list("image", "key", "confidence"))

    with_features = rows()
    assert {image for image, *_ in with_features} == {image.pk for image in images}
    assert max(share for *_, share in with_features) > 5000
    SuggestedWord.objects.filter(image__in=images[8:]).delete()
    job = jobs.perform_now(job_kinds.WORDS, images[0].dataset)
    assert (job.result["images"], job.result["failed"]) == (8, 0)
    again = rows()
    assert [one[:2] for one in again] == [one[:2] for one in with_features]
    assert max(abs(one[2] - other[2]) for one, other in zip(again, with_features, strict=True)) < 200


def test_labels_come_first_then_names_and_metadata_then_what_is_seen(
    images: list[Image], client: Client
) -> None:
    bird, coin = images[0], images[4]
    for image in images:  # names have the folder in them, which is the label here
        Image.objects.filter(pk=image.pk).update(filename=f"{image.pk}.png")
    Image.objects.filter(category="birds").exclude(pk=bird.pk).update(category="")
    Image.objects.filter(pk=coin.pk).update(filename="IMG_bird-7.png")
    Image.objects.filter(pk=images[5].pk).update(metadata={"seen": ["a Birds' nest"]})
    Image.objects.filter(pk=images[6].pk).update(filename="birdcage.png")
    answer = search(client, words=["bird"], k=16)
    matched = {hit["image"]: hit["matched"] for hit in answer["hits"]}
    assert [hit["image"] for hit in answer["hits"]][:3] == [bird.pk, coin.pk, images[5].pk]
    assert [hit["matched"] for hit in answer["hits"]][:3] == ["label", "filename", "metadata"]
    assert matched[images[6].pk] != "filename"
    seen = [hit for hit in answer["hits"] if hit["matched"] == "suggested"]
    birds = {image.pk for image in images[1:4]}
    assert len(birds & {hit["image"] for hit in seen}) >= 2
    # the one that nobody is sure of looks like them
    rest = [hit["image"] for hit in answer["hits"] if hit["matched"] == "alike"]
    assert birds <= {hit["image"] for hit in seen} | set(rest[:3])
    assert [hit["probability"] for hit in seen] == sorted((hit["probability"] for hit in seen), reverse=True)
    assert answer["hits"][0]["probability"] == 1
    (word,) = answer["words"]
    assert (word["known"], word["meaning"], word["classes"], word["labels"]) == (True, "bird", 59, ["birds"])
    for hit in answer["hits"]:
        assert (hit["score"] is not None) == (hit["matched"] == "alike")
        assert hit["probability"] is None or hit["matched"] != "alike"


def test_pages_of_words_continue_where_the_last_ended(images: list[Image], client: Client) -> None:
    whole = search(client, words=["bird"], k=16)
    assert whole["next"] is None
    assert len({hit["image"] for hit in whole["hits"]}) == 16
    pages: list[Any] = []
    cursor = None
    while not pages or cursor:
        page = search(client, words=["bird"], k=5, cursor=cursor)
        pages += page["hits"]
        cursor = page["next"]
    assert pages == whole["hits"]


def test_a_word_that_nobody_has_finds_nothing_and_names_those_near_it(
    images: list[Image], client: Client
) -> None:
    answer = search(client, words=["zebrra"])
    assert answer["hits"] == []
    (word,) = answer["words"]
    assert (word["known"], word["nearest"]) == (False, ["zebra"])
    assert word["note"] == "No vocabulary has the word “zebrra”; near it: zebra."
    refused = client.post(
        "/api/v1/search/", json.dumps({"where": "word:zebrra"}), content_type="application/json"
    )
    assert refused.status_code == 400
    assert "near it: zebra" in refused.json()["error"]["detail"]


def test_looking_at_names_ends_in_time(
    images: list[Image], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.objects.filter(pk=images[4].pk).update(filename="IMG_bird-7.png")

    def matched() -> tuple[bool, set[str]]:
        answer = search(client, words=["birds"], k=16)
        return answer["names_given_up"], {hit["matched"] for hit in answer["hits"]}

    given_up, how = matched()
    assert not given_up
    assert {"label", "filename"} <= how
    monkeypatch.setattr(lookup, "NAMES_WITHIN_S", -1.0)
    given_up, how = matched()
    assert given_up
    assert "label" in how
    assert "filename" not in how


def test_words_narrow_by_a_filter_and_steer_examples(images: list[Image], client: Client) -> None:
    bird, coin = images[0], images[4]
    only = search(client, words=["bird"], where="label:coins", k=16)
    assert {hit["label"] for hit in only["hits"]} <= {"coins"}
    alone = search(client, like=[{"image": coin.pk}], k=15)
    both = search(client, like=[{"image": coin.pk}], words=["bird"], k=15)

    def place(answer: Any) -> int:
        return [hit["image"] for hit in answer["hits"]].index(bird.pk)

    assert place(both) < place(alone)
    assert {hit["matched"] for hit in both["hits"]} == {None}


def test_words_of_an_image_are_taken_and_removed(
    images: list[Image], client: Client, staff_client: Client
) -> None:
    image = images[0]
    SuggestedWord.objects.filter(image=image).delete()
    for word, share in (("goldfinch", 8000), ("zebra", 600)):
        (meaning, *_) = vocabulary().means(word)
        SuggestedWord.objects.create(image=image, dataset=image.dataset, key=meaning.key, confidence=share)
    address = f"/api/v1/images/{image.pk}/words/"
    words = client.get(address).json()
    assert words["labels"] == ["birds"]
    assert words["suggested"][0] == {"word": "goldfinch", "confidence": 0.8, "broader": False}
    left = post(staff_client, address, word="goldfinch", verdict="take")
    assert left["labels"] == ["birds", "goldfinch"]
    assert "goldfinch" not in [one["word"] for one in left["suggested"]]
    assert client.post(address, {}).status_code == 401
    assert post(staff_client, address, word="daisy", verdict="remove")["error"]["code"] == "not_found"
    assert AuditEntry.objects.filter(action="image.word").count() == 1


def test_completions_are_labels_first_then_words_of_the_vocabulary(
    images: list[Image], client: Client
) -> None:
    words = client.get("/api/v1/words/", {"text": "bir", "dataset": "mine"}).json()["words"]
    assert words[0] == {"word": "birds", "kind": "label", "broader": None}
    assert {"word": "bird", "kind": "vocabulary", "broader": "vertebrate"} in words
    near = client.get("/api/v1/words/", {"text": "zebrra"}).json()["words"]
    assert [one["word"] for one in near] == ["zebra"]


def test_coverage_counts_what_the_labels_can_judge(
    images: list[Image], client: Client, staff_client: Client
) -> None:
    answer = client.get("/api/v1/datasets/mine/words/").json()
    assert (answer["images"], answer["looked_at"], answer["sample"]) == (16, 16, 16)
    known = {one["label"]: one["meaning"] for one in answer["categories"]}
    assert known == {"birds": "bird", "coins": None, "flowers": "flower", "fruit": "fruit"}
    assert 0 < answer["coverage"] <= 1
    assert answer["judged"] > 0
    assert 0 <= answer["precision"] <= 1
    assert staff_client.post("/api/v1/datasets/mine/words/").status_code == 202


def test_the_command_searches_by_words(images: list[Image], capsys: pytest.CaptureFixture[str]) -> None:
    call_command("search_images", word=["bird"], k=4, json=True)
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [hit["label"] for hit in report["hits"]] == ["birds"] * 4
    assert report["words"][0]["meaning"] == "bird"
    call_command("search_images", word=["birrd"], k=4)
    assert "No vocabulary has the word “birrd”" in capsys.readouterr().err
