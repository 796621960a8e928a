"""What other systems know images by: given with them, changed, looked for, and acted upon together."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gallery.ingest import image_changes
from gallery.ingest.removals import bin
from gallery.models import AuditEntry, Dataset, FurtherCategory, Image
from tests.conftest import image_bytes
from tests.gallery.test_api import upload

pytestmark = pytest.mark.django_db(transaction=True)

IMAGES = "/api/v1/images/"


@pytest.fixture(autouse=True)
def no_features(settings: Any, without_broker: None) -> None:
    """Store images without the network: nothing here is searched."""
    settings.EXTRACT_AT_IMPORT = False


def add(client: Client, seed: int, **more: str) -> Any:
    """Add an image."""
    return client.post(IMAGES, {"file": upload(image_bytes(seed), f"{seed}.png"), "dataset": "mine", **more})


def patch(client: Client, address: str, /, **values: Any) -> Any:
    """PATCH with JSON."""
    return client.patch(address, json.dumps(values), content_type="application/json")


def found(client: Client, **query: Any) -> list[str]:
    """Return the external ids of the images that a query finds."""
    answer = client.get(IMAGES, query)
    assert answer.status_code == 200, answer.content
    return [row["external_id"] for row in answer.json()["results"]]


def test_an_image_is_added_with_what_another_system_knows_of_it(
    dataset: Dataset, staff_client: Client
) -> None:
    known = {"shelf": "A3", "year": 1998, "more": {"deep": [1, None, "ü"]}, "a__b.c": True}
    answer = add(staff_client, 1, external_id="inv-7", metadata=json.dumps(known))
    assert answer.status_code == 201, answer.content
    image = answer.json()["image"]
    assert (image["external_id"], image["metadata"]) == ("inv-7", known)
    add(staff_client, 2)
    assert found(staff_client) == ["inv-7", None]
    assert found(staff_client, external_id="inv-7") == ["inv-7"]
    assert found(staff_client, external_id="inv") == []
    assert found(staff_client, metadata=json.dumps({"shelf": "A3", "year": 1998})) == ["inv-7"]
    assert found(staff_client, metadata=json.dumps({"shelf": "A3", "year": 1999})) == []
    assert found(staff_client, metadata=json.dumps({"a__b.c": True})) == ["inv-7"]
    assert found(staff_client, metadata=json.dumps({"more": known["more"]})) == ["inv-7"]
    assert found(staff_client, metadata=json.dumps({"year": "1998"})) == []


def test_images_are_looked_up_by_their_file(dataset: Dataset, staff_client: Client) -> None:
    for seed in (1, 2):
        add(staff_client, seed, external_id=str(seed))
    digest = hashlib.sha256(image_bytes(2)).hexdigest()
    assert found(staff_client, sha256=digest) == found(staff_client, sha256=digest.upper()) == ["2"]
    assert found(staff_client, filename="1.png", dataset="mine") == ["1"]
    assert found(staff_client, filename="1.png", dataset="other") == []
    many = {"metadata": json.dumps(dict.fromkeys((f"k{number}" for number in range(51)), 1))}
    for query in ({"sha256": "abc"}, {"metadata": "[1]"}, {"metadata": "{"}, {"metadata": '{"-1": 1}'}, many):
        assert staff_client.get(IMAGES, query).status_code == 400, query


def test_a_duplicate_says_which_image_is_there(dataset: Dataset, staff_client: Client) -> None:
    first = add(staff_client, 1, external_id="a").json()["image"]["id"]
    for answer in (add(staff_client, 1), add(staff_client, 2, external_id="a")):
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["image"]) == (409, "duplicate", first)
    assert dataset.images.count() == 1
    other = add(staff_client, 3).json()["image"]["id"]
    answer = patch(staff_client, f"{IMAGES}{other}/", external_id="a")
    assert (answer.status_code, answer.json()["error"]["image"]) == (409, first)
    Dataset.objects.create(slug="second", name="Second")
    sent = {"file": upload(image_bytes(1)), "dataset": "second", "external_id": "a"}
    assert staff_client.post(IMAGES, sent).status_code == 201  # it is one of a dataset


def test_an_image_is_changed_and_the_audit_has_it(dataset: Dataset, staff_client: Client) -> None:
    pk = add(staff_client, 1, label="cats", external_id="a", metadata='{"x": 1}').json()["image"]["id"]
    address = f"{IMAGES}{pk}/"
    answer = patch(staff_client, address, label="dogs")
    assert [answer.json()[name] for name in ("label", "external_id", "metadata")] == ["dogs", "a", {"x": 1}]
    answer = patch(staff_client, address, external_id=None, metadata={"y": 2})
    assert [answer.json()[name] for name in ("label", "external_id", "metadata")] == ["dogs", None, {"y": 2}]
    assert patch(staff_client, address).status_code == 200
    assert patch(staff_client, address, labels=[]).json()["labels"] == []
    assert patch(staff_client, address, labels=["owls"], label="owls").status_code == 400
    entries = AuditEntry.objects.filter(action__in=("image.label", "image.describe"))
    label, described, *_ = entries.order_by("pk")
    assert label.details == {"before": "cats", "after": "dogs"}
    assert described.details["external_id"] == {"before": "a", "after": None}
    assert described.details["metadata"] == {"before": {"x": 1}, "after": {"y": 2}}
    for wrong in (
        {"label": None},
        {"external_id": ""},
        {"metadata": None},
        {"metadata": [1]},
        {"sha256": "x"},
    ):
        assert patch(staff_client, address, **wrong).status_code == 400, wrong
    assert patch(staff_client, address, metadata={"x": "y" * 70_000}).status_code == 400
    assert patch(staff_client, f"{IMAGES}999/", label="x").status_code == 404


def test_many_are_labelled_and_deleted_by_a_filter(
    dataset: Dataset, staff_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(5):
        add(staff_client, seed, external_id=str(seed), label="cats" if seed < 3 else "dogs")
    answer = patch(staff_client, f"{IMAGES}?dataset=mine&label=cats", label="lions")
    assert (answer.status_code, answer.json()) == (200, {"images": 3, "left": 0})
    assert dict(dataset.categories.values_list("name", "images")) == {"lions": 3, "dogs": 2}
    assert found(staff_client, label="lions") == ["0", "1", "2"]
    monkeypatch.setattr(image_changes, "AT_ONCE", 2)
    assert staff_client.delete(f"{IMAGES}?label=lions").json() == {"images": 2, "left": 1}
    assert staff_client.delete(f"{IMAGES}?label=lions").json() == {"images": 1, "left": 0}
    assert found(staff_client) == ["3", "4"]
    entries = AuditEntry.objects.filter(action="image.delete").order_by("pk")
    assert len(entries[0].details["images"]) == 2


@pytest.mark.parametrize(
    "query",
    [
        "", "?dataset=", "?nonsense=1", "?ids=", "?metadata={}", "?label=", "?dataset=mine&external_id=",
        "?dataset=mine&filename=", "?dataset=mine&sha256=", "?dataset=mine&metadata=", "?dataset=mine&ids=",
        "?dataset=&label=x",
    ],
)  # fmt: skip
def test_nothing_is_done_to_all_images_by_mistake(dataset: Dataset, staff_client: Client, query: str) -> None:
    add(staff_client, 1)
    assert staff_client.delete(IMAGES + query).status_code == 400
    assert patch(staff_client, IMAGES + query, label="x").status_code == 400
    assert Image.objects.filter(category="").count() == 1


def test_a_list_costs_the_same_however_it_is_filtered(dataset: Dataset, staff_client: Client) -> None:
    from django.db import connection

    add(staff_client, 1, external_id="a", metadata='{"x": 1}')
    with CaptureQueriesContext(connection) as asked:
        staff_client.get(IMAGES, {"external_id": "a", "metadata": '{"x": 1}', "dataset": "mine"})
    assert len([query for query in asked.captured_queries if 'FROM "gallery_image"' in query["sql"]]) == 1


def labels(client: Client) -> list[list[str]]:
    """Return the labels of all images."""
    return [row["labels"] for row in client.get(IMAGES).json()["results"]]


def test_an_image_gets_several_labels_and_is_found_by_each(dataset: Dataset, staff_client: Client) -> None:
    pk = add(staff_client, 1, label="cats", external_id="a").json()["image"]["id"]
    address = f"{IMAGES}{pk}/"
    answer = patch(staff_client, address, labels=["owls", "night", "flying", "owls"]).json()
    assert (answer["label"], answer["labels"]) == ("owls", ["owls", "flying", "night"])
    assert found(staff_client, label="night") == found(staff_client, label="owls") == ["a"]
    assert found(staff_client, label="cats") == []
    # the label alone leaves further ones, and is none of them itself
    assert patch(staff_client, address, label="night").json()["labels"] == ["night", "flying"]
    assert patch(staff_client, address, label="").json()["labels"] == []
    assert FurtherCategory.objects.count() == 0
    entries = AuditEntry.objects.filter(action="image.label").order_by("pk")
    assert [entry.details["after"] for entry in entries] == [["owls", "flying", "night"], "night", ""]
    for wrong in (["a", ""], [None], "a", ["x" * 201], [str(n) for n in range(60)], [["a"]]):
        assert patch(staff_client, address, labels=wrong).status_code == 400, wrong


def test_many_get_several_labels_whoever_had_some_of_them(dataset: Dataset, staff_client: Client) -> None:
    for seed, has in enumerate((["a", "b"], ["a"], ["b", "a"], ["a", "b", "c"], [])):
        pk = add(staff_client, seed).json()["image"]["id"]
        patch(staff_client, f"{IMAGES}{pk}/", labels=has)
    everywhere = f"{IMAGES}?dataset=mine"
    answer = patch(staff_client, everywhere, labels=["a", "b"])
    assert (answer.status_code, answer.json()) == (200, {"images": 4, "left": 0})
    assert labels(staff_client) == [["a", "b"]] * 5
    assert patch(staff_client, everywhere, labels=["a", "b"]).json() == {"images": 0, "left": 0}
    assert patch(staff_client, everywhere, label="b").json() == {"images": 5, "left": 0}
    assert labels(staff_client) == [["b"]] * 5
    assert patch(staff_client, everywhere, labels=[]).json() == {"images": 5, "left": 0}
    assert labels(staff_client) == [[]] * 5
    wrong: object
    for wrong in ({}, {"label": "a", "labels": ["a"]}, {"label": None}, {"metadata": {}}, []):
        answer = staff_client.patch(everywhere, json.dumps(wrong), content_type="application/json")
        assert answer.status_code == 400, wrong


def test_what_lies_in_the_bin_gives_its_external_id_up(dataset: Dataset, staff_client: Client) -> None:
    first, second = (add(staff_client, seed, external_id=str(seed)).json()["image"]["id"] for seed in (1, 2))
    for pk in (first, second):
        assert staff_client.delete(f"{IMAGES}{pk}/").status_code == 204
    assert found(staff_client) == []
    other = add(staff_client, 3, external_id="1").json()["image"]["id"]
    # the same file comes back as the image that it was, known by what comes with it
    again = add(staff_client, 1, external_id="new", metadata='{"x": 1}').json()["image"]
    assert [again[name] for name in ("id", "external_id", "metadata")] == [first, "new", {"x": 1}]
    third = add(staff_client, 4, external_id="2").json()["image"]["id"]
    restored = staff_client.post(f"/api/v1/bin/images/{second}/restore/").json()
    assert (restored["id"], restored["external_id"]) == (second, None)
    assert found(staff_client) == ["new", None, "1", "2"]
    for pk in (other, third):
        staff_client.delete(f"{IMAGES}{pk}/")
    assert staff_client.post(f"/api/v1/bin/images/{third}/restore/").json()["external_id"] == "2"


def test_of_two_that_come_back_under_one_external_id_one_keeps_it(
    dataset: Dataset, staff_client: Client
) -> None:
    ids = []
    for seed in (1, 2):
        ids.append(add(staff_client, seed, external_id="same").json()["image"]["id"])
        staff_client.delete(f"{IMAGES}?external_id=same")
    assert len(bin.restore_images(ids)) == 2
    assert found(staff_client) == [None, "same"]


def test_a_refused_external_id_leaves_nothing_behind(dataset: Dataset, staff_client: Client) -> None:
    add(staff_client, 1, external_id="a")
    binned = add(staff_client, 2).json()["image"]["id"]
    staff_client.delete(f"{IMAGES}{binned}/")
    for seed in (2, 3):
        assert add(staff_client, seed, external_id="a").status_code == 409
    assert found(staff_client) == ["a"]
