"""Saved searches: who sees and changes which, what they find, what is new, and what is kept with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gallery import jobs
from gallery.access.scopes import Scope
from gallery.accounts import tokens
from gallery.errors import NotFoundError
from gallery.ingest.removals import bin
from gallery.models import AuditEntry, Dataset, Image
from search import job_kinds
from search.models import SavedExample, SavedSearch
from search.saved import collections, rows
from search.stored_folders import QUERY_UPLOADS
from tests.conftest import image_bytes

pytestmark = pytest.mark.django_db(transaction=True)

ALL = "/api/v1/saved-searches/"


def ask(client: Client, method: str, address: str, /, **body: Any) -> Any:
    """Send JSON, and return the answer."""
    return getattr(client, method)(address, json.dumps(body), content_type="application/json")


def save(client: Client, name: str, /, **more: Any) -> Any:
    """Save a search, and return it."""
    answer = ask(client, "post", ALL, name=name, **more)
    assert answer.status_code == 201, answer.content
    return answer.json()


def ids_of(answer: Any) -> list[int]:
    """Return the ids of the hits of an answer."""
    return [hit["image"] for hit in answer.json()["hits"]]


def found(client: Client, /, **document: Any) -> list[int]:
    """Return the ids of the hits of a query document."""
    return ids_of(ask(client, "post", "/api/v1/search/", **document))


def counts(client: Client) -> dict[int, Any]:
    """Return what is new, by the number of the saved search."""
    return {one["id"]: one for one in client.get(f"{ALL}new/").json()["counts"]}


@pytest.fixture
def images(sample_dataset: Callable[..., Dataset]) -> list[Image]:
    """Return sixteen searchable images in four categories."""
    return list(sample_dataset(count=4).images.order_by("pk"))


@pytest.fixture
def owner(db: None, collected_static_files: None) -> Client:
    """Return a client signed in as somebody who may only look and search."""
    client = Client()
    client.force_login(User.objects.create_user("ann"))
    return client


@pytest.fixture
def other(db: None, collected_static_files: None) -> Client:
    """Return a client signed in as somebody else."""
    client = Client()
    client.force_login(User.objects.create_user("bob"))
    return client


def added(name: str, category: str, number: int) -> Image:
    """Add an image to the dataset "mine", searchable."""
    dataset = Dataset.objects.get(slug="mine")
    row = Image.objects.create(
        dataset=dataset, sha256=f"{number:064x}", filename=name, category=category,
        file=ContentFile(image_bytes(number), name), thumbnail=ContentFile(image_bytes(number), name),
        width=8, height=8, size_bytes=9, format="PNG",
    )  # fmt: skip
    jobs.perform_now(job_kinds.EXTRACT, dataset)
    return row


def test_a_search_is_saved_listed_renamed_shared_and_deleted(images: list[Image], owner: Client) -> None:
    document = {"where": f"label:{images[0].category}", "datasets": ["mine"], "k": 3}
    made = save(owner, "Birds", document=document, address="?dataset=mine&k=3")
    assert made["document"] == document
    assert (made["mine"], made["owner"], made["shared"]) == (True, "ann", False)
    assert (made["url"], made["images_url"]) == ("/live/?dataset=mine&k=3", f"/saved/{made['id']}/")
    one = f"{ALL}{made['id']}/"
    assert owner.get(ALL).json()["results"] == [made]
    assert ask(owner, "patch", one, name="My birds", shared=True).json()["name"] == "My birds"
    assert owner.get(one).json()["shared"] is True
    assert owner.delete(one).status_code == 204
    assert owner.get(one).status_code == 404
    actions = AuditEntry.objects.filter(action__startswith="search.").order_by("pk")
    assert [(entry.action, entry.target) for entry in actions] == [
        ("search.save", "Birds"),
        ("search.rename", "My birds"),
        ("search.share", "My birds"),
        ("search.delete", "My birds"),
    ]


def test_others_see_what_is_shared_and_change_nothing(
    images: list[Image], owner: Client, other: Client, client: Client, staff_client: Client
) -> None:
    hidden = save(owner, "hidden", document={"where": "width>=1"})
    shared = save(owner, "shared", document={"where": "width>=1"}, shared=True)
    for somebody, name in ((other, "ann"), (client, None)):
        (seen,) = somebody.get(ALL).json()["results"]
        assert (seen["id"], seen["mine"], seen["owner"], seen["seen_at"]) == (shared["id"], False, name, None)
        for part in ("", "hits/", "images/"):
            assert somebody.get(f"{ALL}{hidden['id']}/{part}").status_code == 404
        assert somebody.get(f"/saved/{hidden['id']}/").status_code == 404
        assert somebody.get(f"/saved/{shared['id']}/").status_code == 200
        asked = ask(somebody, "post", "/api/v1/search/", where=f"saved:{hidden['id']}")
        assert (asked.status_code, asked.json()["error"]["code"]) == (404, "not_found")
        assert len(found(somebody, where=f"saved:{shared['id']}")) == 16
        assert counts(somebody) == {}
    for refused, number, status in (
        (client, shared, 401), (other, shared, 403), (other, hidden, 404),
    ):  # fmt: skip
        address = f"{ALL}{number['id']}/"
        assert ask(refused, "patch", address, name="mine now").status_code == status
        assert refused.delete(address).status_code == status
    assert client.post(ALL, {}).status_code == 401
    # who has the permission clears away what is shared, and never sees what is not
    assert staff_client.delete(f"{ALL}{hidden['id']}/").status_code == 404
    assert staff_client.delete(f"{ALL}{shared['id']}/").status_code == 204


def test_tokens_reach_as_far_as_their_scopes(images: list[Image], owner: Client, client: Client) -> None:
    account = User.objects.get(username="ann")
    made = save(owner, "mine", document={"where": "width>=1"})

    def asked(scope: Scope, method: str, address: str) -> int:
        _, text = tokens.make_token(account, scope, [scope])
        body = json.dumps({"name": scope, "document": {"where": "width>=1"}}) if method == "post" else ""
        answer = getattr(client, method)(
            address, body, content_type="application/json", HTTP_AUTHORIZATION=f"Token {text}"
        )
        return int(answer.status_code)

    def reads(scope: Scope, address: str) -> int:
        _, text = tokens.make_token(account, scope, [scope])
        return int(client.get(address, HTTP_AUTHORIZATION=f"Token {text}").status_code)

    one = f"{ALL}{made['id']}/"
    assert [reads(scope, ALL) for scope in (Scope.READ, Scope.SEARCH)] == [200, 403]
    assert [reads(scope, f"{one}hits/") for scope in (Scope.READ, Scope.SEARCH)] == [403, 200]
    assert [asked(scope, "post", ALL) for scope in (Scope.READ, Scope.WRITE)] == [403, 201]


def test_a_name_is_taken_once_an_account(images: list[Image], owner: Client, other: Client) -> None:
    made = save(owner, "Birds", document={"where": "width>=1"})
    again = ask(owner, "post", ALL, name="Birds", document={"where": "width>=2"})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "name_taken")
    second = save(owner, "Coins", document={"where": "width>=1"})
    assert ask(owner, "patch", f"{ALL}{second['id']}/", name="Birds").status_code == 409
    assert owner.get(f"{ALL}{second['id']}/").json()["name"] == "Coins"
    assert save(other, "Birds", document={"where": "width>=1"})["id"] != made["id"]


def test_one_that_is_deleted_while_it_is_changed_stays_deleted(images: list[Image], owner: Client) -> None:
    made = save(owner, "Birds", document={"where": "width>=1"})
    read_before = SavedSearch.objects.get(pk=made["id"])
    rows.delete(SavedSearch.objects.get(pk=made["id"]))
    with pytest.raises(NotFoundError):
        rows.change(read_before, name="Coins")
    assert not SavedSearch.objects.exists()
    assert not AuditEntry.objects.filter(action="search.rename").exists()


def test_two_who_change_one_at_once_both_have_their_way(images: list[Image], owner: Client) -> None:
    made = save(owner, "Birds", document={"where": "width>=1"})
    one, another = (SavedSearch.objects.get(pk=made["id"]) for _ in range(2))
    rows.change(one, name="Coins")
    rows.change(another, shared=True)
    row = SavedSearch.objects.get()
    assert (row.name, row.shared) == ("Coins", True)


@pytest.mark.parametrize(
    "document", [{"image": 1}, {"k": 3}, {"like": [{"image": 1}], "page": 2}, {"unlike": [{"image": 1}]}, []]
)
def test_only_a_query_document_is_saved(images: list[Image], owner: Client, document: Any) -> None:
    assert ask(owner, "post", ALL, name="x", document=document).status_code == 400
    assert not SavedSearch.objects.exists()


def test_it_finds_what_its_document_finds_page_by_page(images: list[Image], owner: Client) -> None:
    document = {"like": [{"image": images[0].pk}], "unlike": [{"image": images[5].pk}], "k": 5}
    made = save(owner, "like", document=document | {"cursor": "5"})
    hits = f"{ALL}{made['id']}/hits/"
    whole = found(owner, **document | {"k": 14})
    first = owner.get(hits)
    assert ids_of(first) == whole[:5]
    assert ids_of(owner.get(hits, {"cursor": first.json()["next"], "k": 9})) == whole[5:14]
    assert owner.get(hits, {"k": 10**6}).status_code == 400


def test_a_collection_is_the_filter_or_the_hits_of_the_first_page(images: list[Image], owner: Client) -> None:
    label = images[4].category
    by_filter = save(owner, "filter", document={"where": f"label:{label}", "datasets": ["mine"]})
    by_example = save(owner, "example", document={"like": [{"image": images[4].pk}], "k": 5})
    expected = {image.pk for image in images if image.category == label}
    near = set(found(owner, like=[{"image": images[4].pk}], k=5))
    by_word = save(owner, "word", document={"words": [label], "cutoff": 1.0})
    for made, its in ((by_filter, expected), (by_example, near), (by_word, expected)):
        of_it = f"saved:{made['id']}"
        assert set(owner.get(f"{ALL}{made['id']}/images/").json()["images"]) == its
        assert set(found(owner, where=of_it)) == its
        assert (
            set(found(owner, where={"saved": {"none": [made["id"]]}})) == {image.pk for image in images} - its
        )
        # any query among them loses none
        assert set(found(owner, like=[{"image": images[0].pk}], where=of_it)) == its - {images[0].pk}
        facets = owner.get("/api/v1/facets/", {"where": of_it}).json()["facets"]
        assert sum(one["count"] for one in facets[0]["counts"]) == len(its)
    listed = owner.get("/api/v1/images/", {"saved": by_example["id"], "label": label}).json()["results"]
    assert {one["id"] for one in listed} == near & expected


def test_a_saved_search_refers_to_others_but_not_too_deeply(images: list[Image], owner: Client) -> None:
    label = images[0].category
    number = first = save(owner, "0", document={"where": f"label:{label}"})["id"]
    for depth in (1, 2, 3):
        number = save(owner, str(depth), document={"where": f"saved:{number} width>=1"})["id"]
    assert found(owner, where=f"saved:{number}") == found(owner, where=f"label:{label}")
    refused = ask(owner, "post", ALL, name="4", document={"where": f"saved:{number}"})
    assert refused.status_code == 400
    # those that these refer to count as well
    pairs = [
        save(owner, f"p{n}", document={"where": {"saved": {"any": [first]}, "width": n + 1}})["id"]
        for n in range(3)
    ]
    refused = ask(owner, "post", ALL, name="5", document={"where": {"saved": {"any": pairs}}})
    assert (refused.status_code, "refers to 6" in refused.json()["error"]["detail"]) == (400, True)
    save(owner, "6", document={"where": {"saved": {"any": pairs[:2]}}})
    many = " ".join(f"saved:{number}" for _ in range(6))
    assert "at most 5 saved searches" in json.dumps(ask(owner, "post", "/api/v1/search/", where=many).json())


def test_what_came_since_it_was_seen_is_new(images: list[Image], owner: Client) -> None:
    label = images[0].category
    by_filter = save(owner, "filter", document={"where": f"label:{label}"})["id"]
    by_example = save(owner, "example", document={"like": [{"image": images[0].pk}], "k": 15})["id"]
    nothing = {"new": 0, "many": False, "problem": None}
    assert counts(owner) == {number: {"id": number} | nothing for number in (by_filter, by_example)}
    added("new.png", label, 901)
    added("other.png", "another label", 902)
    assert [counts(owner)[number]["new"] for number in (by_filter, by_example)] == [
        1,
        sum(pk > images[-1].pk for pk in found(owner, like=[{"image": images[0].pk}], k=15)),
    ]
    ask(owner, "patch", f"{ALL}{by_filter}/", seen=True)
    assert counts(owner)[by_filter]["new"] == 0


def test_counting_what_is_new_gives_up_in_time(
    images: list[Image], owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = save(owner, "all", document={"where": "width>=1"})["id"]
    added("new.png", "x", 901)
    monkeypatch.setattr(collections, "MOST_NEW", 0)
    assert counts(owner)[number] == {"id": number, "new": None, "many": True, "problem": None}
    monkeypatch.setattr(collections, "ALLOWED_MS", -1)
    assert counts(owner)[number]["many"] is True


def test_a_deleted_example_is_told_and_the_search_stays(images: list[Image], owner: Client) -> None:
    query = images[0]
    made = save(owner, "gone", document={"like": [{"image": query.pk}], "k": 5})
    of_dataset = save(owner, "no set", document={"where": "width>=1", "datasets": ["mine"]})
    added("new.png", "x", 901)
    bin.delete_images([query.pk])
    said = f"There is no image {query.pk}; it may have been deleted."
    assert counts(owner)[made["id"]] == {"id": made["id"], "new": None, "many": False, "problem": said}
    answer = owner.get(f"{ALL}{made['id']}/hits/")
    assert (answer.status_code, answer.json()["error"]["detail"]) == (404, said)
    page = owner.get(f"/saved/{made['id']}/")
    assert said in page.content.decode()
    bin.restore_images([query.pk])
    assert len(ids_of(owner.get(f"{ALL}{made['id']}/hits/"))) == 5
    Dataset.objects.update(slug="renamed")
    assert owner.get(f"{ALL}{of_dataset['id']}/hits/").json()["error"]["detail"] == (
        "There is no dataset called mine."
    )
    assert {one["name"] for one in owner.get(ALL).json()["results"]} == {"gone", "no set"}


def test_an_upload_is_kept_with_its_search_and_goes_with_it(images: list[Image], owner: Client) -> None:
    data = image_bytes(31)
    upload = owner.post("/api/v1/uploads/", {"file": SimpleUploadedFile("q.png", data)}).json()["upload"]
    document = {"like": [{"upload": upload, "weight": 2.0}, {"image": images[3].pk}], "k": 6}
    expected = found(owner, **document)
    made = save(owner, "kept", document=document, address=f"?upload={upload}&like={images[3].pk},4&k=6")
    kept = made["document"]["like"][0].pop("upload")
    assert (made["document"]["like"][0], kept[:5]) == ({"weight": 2.0}, "kept-")
    assert made["url"] == f"/live/?upload={kept}&like={images[3].pk},4&k=6"
    default_storage.delete(f"{QUERY_UPLOADS}/{upload}")
    assert ids_of(owner.get(f"{ALL}{made['id']}/hits/")) == expected
    assert bytes(SavedExample.objects.get().data) == data
    # saved once more by what it is called now, it is kept once more
    again = save(owner, "again", document={"like": [{"upload": kept}]})
    owner.delete(f"{ALL}{made['id']}/")
    assert ids_of(owner.get(f"{ALL}{again['id']}/hits/", {"k": 1}))
    gone = ask(owner, "post", "/api/v1/search/", like=[{"upload": kept}])
    assert (gone.status_code, "was deleted" in gone.json()["error"]["detail"]) == (404, True)
    User.objects.get(username="ann").delete()
    assert not SavedExample.objects.exists()


def test_images_are_kept_within_bounds(
    images: list[Image], owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MOST_KEPT_MB", 1)
    file = SimpleUploadedFile("q.bmp", image_bytes(31, (500, 400), "BMP"))  # 600 kB
    document = {"like": [{"upload": owner.post("/api/v1/uploads/", {"file": file}).json()["upload"]}]}
    first = save(owner, "first", document=document)
    refused = ask(owner, "post", ALL, name="second", document=document)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "too_many_saved")
    assert SavedExample.objects.count() == 1
    save(owner, "of stored images", document={"like": [{"image": images[0].pk}]})
    owner.delete(f"{ALL}{first['id']}/")
    save(owner, "second", document=document)


def test_an_upload_that_is_gone_cannot_be_saved(images: list[Image], owner: Client) -> None:
    answer = ask(owner, "post", ALL, name="x", document={"like": [{"upload": "ffffffff-1-" + "a" * 22}]})
    assert answer.status_code == 404
    assert not SavedSearch.objects.exists()
