"""The REST interface: shapes, errors, permissions, and that what it says is true."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client, override_settings
from drf_spectacular.generators import SchemaGenerator

from gallery import jobs
from gallery.api import schema_view
from gallery.ingest.removals import bin, missing
from gallery.models import AccessToken, Dataset, FurtherCategory, Image, Job
from search import job_kinds
from search.models import Embedding
from tests.conftest import image_bytes, import_folder, sample_files

pytestmark = pytest.mark.django_db(transaction=True)


def post(client: Client, address: str, /, **values: Any) -> Any:
    """POST JSON."""
    return client.post(address, json.dumps(values), content_type="application/json")


def upload(data: bytes, name: str = "picture.png") -> SimpleUploadedFile:
    """Return bytes as an uploaded file."""
    return SimpleUploadedFile(name, data)


@pytest.fixture
def indexed(sample_dataset: Callable[..., Dataset]) -> Dataset:
    """Return a dataset of sixteen searchable sample pictures in four categories."""
    return sample_dataset(count=4)


@pytest.fixture
def stored(sample_dataset: Callable[..., Dataset]) -> Dataset:
    """Return the same dataset without features."""
    return sample_dataset(count=4, features=False)


def test_an_uploaded_image_finds_its_own_category_first(indexed: Dataset, client: Client) -> None:
    category = str(Image.objects.filter(dataset=indexed).values_list("category", flat=True)[0])
    unseen = sample_files("objects200", category, count=6)[-1]
    answer = client.post("/api/v1/search/", {"file": upload(unseen.read_bytes()), "k": 5}).json()
    assert answer["hits"][0]["label"] == category
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2, 3, 4, 5]
    scores = [hit["score"] for hit in answer["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert set(answer["timings_ms"]) == {"decode", "extract", "search", "rerank", "load", "total"}
    assert answer["query"]["kind"] == "file"
    assert answer["searched"] == 16


def test_pages_continue_where_the_last_one_ended(indexed: Dataset, client: Client) -> None:
    image = Image.objects.filter(dataset=indexed).first()
    assert image
    url = "/api/v1/search/"
    whole = post(client, url, image=image.pk, k=15).json()
    pages = [post(client, url, image=image.pk, k=6, page=page).json() for page in (1, 2, 3)]
    joined = [hit["image"] for page in pages for hit in page["hits"]]
    assert joined == [hit["image"] for hit in whole["hits"]]
    assert len(joined) == 15
    assert image.pk not in joined
    assert [page["has_next"] for page in pages] == [True, True, False]
    assert [hit["rank"] for hit in pages[1]["hits"]] == [7, 8, 9, 10, 11, 12]


def test_a_label_filter_loses_no_hit(indexed: Dataset, client: Client) -> None:
    image = Image.objects.filter(dataset=indexed).order_by("-category").first()
    first_label = (
        Image.objects.filter(dataset=indexed).order_by("category").values_list("category", flat=True)[0]
    )
    assert image
    answer = post(client, "/api/v1/search/", image=image.pk, label=first_label, k=10).json()
    assert len(answer["hits"]) == 4
    assert {hit["label"] for hit in answer["hits"]} == {first_label}


def test_a_further_label_finds_an_image_unless_that_is_hidden(indexed: Dataset, client: Client) -> None:
    image, other = Image.objects.filter(dataset=indexed).order_by("pk")[:2]
    FurtherCategory.objects.create(image=image, name="sunset")

    def found() -> list[list[int]]:
        answer = post(client, "/api/v1/search/", image=other.pk, label="sunset").json()
        listed = client.get("/api/v1/images/", {"label": "sunset"}).json()["results"]
        return [[hit["image"] for hit in answer["hits"]], [row["id"] for row in listed], [answer["searched"]]]

    assert found() == [[image.pk], [image.pk], [1]]
    bin.delete_images([image.pk])
    assert found() == [[], [], [0]]
    bin.restore_images([image.pk])
    missing.mark([image.pk])
    assert found() == [[], [], [0]]
    missing.unmark([image.pk])
    assert found() == [[image.pk], [image.pk], [1]]


def test_all_datasets_are_searched_and_merged_by_score(
    indexed: Dataset, client: Client, sample_folder: Callable[..., Path]
) -> None:
    other = Dataset.objects.create(slug="drawn", name="Drawn")
    import_folder(other, sample_folder("clipart200", count=3, categories=3))
    image = Image.objects.filter(dataset=other).first()
    assert image
    answer = post(client, "/api/v1/search/", image=image.pk, k=50).json()
    assert {hit["dataset"] for hit in answer["hits"]} == {"mine", "drawn"}
    assert len(answer["hits"]) == 16 + 9 - 1
    scores = [hit["score"] for hit in answer["hits"]]
    assert scores == sorted(scores, reverse=True)
    pages = [post(client, "/api/v1/search/", image=image.pk, k=5, page=page).json() for page in range(1, 6)]
    assert [hit["image"] for page in pages for hit in page["hits"]] == [
        hit["image"] for hit in answer["hits"]
    ]
    assert len(post(client, "/api/v1/search/", image=image.pk, dataset="drawn", k=50).json()["hits"]) == 8


@pytest.mark.parametrize(
    ("values", "status", "code"),
    [
        ({}, 400, "invalid"),
        ({"image": 1, "url": "http://example.org/a.jpg"}, 400, "invalid"),
        ({"image": "x"}, 400, "invalid"),
        ({"image": 10**9}, 404, "not_found"),
        ({"image": 10**30}, 400, "invalid"),
        ({"image": 1, "k": 0}, 400, "invalid"),
        ({"image": 1, "k": 10**6}, 400, "invalid"),
        ({"image": 1, "page": -1}, 400, "invalid"),
        ({"url": "http://127.0.0.1/a.jpg"}, 403, "address_refused"),
        ({"url": "http://[::1]/a.jpg"}, 403, "address_refused"),
        ({"url": "http://169.254.169.254/latest"}, 403, "address_refused"),
        ({"url": "http://2130706433/"}, 403, "address_refused"),
        ({"url": "http://0x7f000001/"}, 403, "address_refused"),
        ({"url": "file:///etc/passwd"}, 403, "address_refused"),
    ],
)
def test_a_wrong_search_is_refused_in_words(
    db: None, client: Client, values: dict[str, Any], status: int, code: str
) -> None:
    response = post(client, "/api/v1/search/", **values)
    assert response.status_code == status
    assert response.json()["error"]["code"] == code
    assert len(response.json()["error"]["detail"]) > 10


@pytest.mark.parametrize(
    "data", [b"", b"not a picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\xff\xd8\xff\xe0"]
)
def test_a_file_that_is_no_image_is_refused_in_words(db: None, client: Client, data: bytes) -> None:
    response = client.post("/api/v1/search/", {"file": upload(data, "a.jpg")})
    assert response.status_code in (400, 415)
    assert response.json()["error"]["detail"]


def test_malformed_json_and_wrong_types_are_no_server_errors(db: None, client: Client) -> None:
    for body in (
        "{",
        "[]",
        '"x"',
        "null",
        '{"image": {}}',
        '{"image": 1, "dataset": []}',
        '{"image":1,"label":{}}',
    ):
        response = client.post("/api/v1/search/", body, content_type="application/json")
        assert response.status_code == 400, body
        assert response.json()["error"]["code"]


def test_searching_before_anything_is_indexed_says_so(client: Client, dataset: Dataset) -> None:
    response = client.post("/api/v1/search/", {"file": upload(image_bytes(1))})
    assert response.status_code == 409
    assert response.json()["error"]["code"] == "nothing_indexed"
    missing = client.post("/api/v1/search/", {"file": upload(image_bytes(1)), "dataset": "nope"})
    assert missing.status_code == 404


def test_reading_is_open_and_writing_needs_staff(
    client: Client, dataset: Dataset, staff_client: Client
) -> None:
    for url in ("datasets", "images", "jobs", "models", "indexes"):
        assert client.get(f"/api/v1/{url}/").status_code == 200
    assert client.delete("/api/v1/datasets/mine/").status_code == 401
    assert (
        client.post("/api/v1/images/", {"dataset": "mine", "file": upload(image_bytes(1))}).status_code == 401
    )
    plain = Client()
    plain.force_login(User.objects.create_user("plain"))
    assert (
        plain.post("/api/v1/images/", {"dataset": "mine", "file": upload(image_bytes(1))}).status_code == 403
    )
    assert (
        staff_client.post("/api/v1/images/", {"dataset": "mine", "file": upload(image_bytes(1))}).status_code
        == 201
    )


def test_reading_can_be_closed(client: Client, dataset: Dataset, staff_client: Client) -> None:
    with override_settings(OPEN_READING=False):
        assert client.get("/api/v1/datasets/").status_code == 401
        assert post(client, "/api/v1/search/", image=1).status_code == 401
        assert client.get("/datasets/").status_code == 302
        assert client.get("/healthz").status_code == 200
        assert staff_client.get("/datasets/").status_code == 200


def test_a_token_writes_and_only_its_digest_is_stored(client: Client, dataset: Dataset, capsys: Any) -> None:
    User.objects.create_superuser("robot")
    call_command("create_token", "robot", "--json")
    token = json.loads(capsys.readouterr().out.splitlines()[-1])["token"]
    stored = AccessToken.objects.get()
    assert token not in (stored.digest, stored.prefix)
    header = {"HTTP_AUTHORIZATION": f"Token {token}"}
    body = {"dataset": "mine", "file": upload(image_bytes(2)), "label": "cats"}
    answer = client.post("/api/v1/images/", body, **header)  # type: ignore[arg-type]
    assert answer.status_code == 201
    assert answer.json()["image"]["label"] == "cats"
    assert client.get("/api/v1/jobs/", HTTP_AUTHORIZATION="Token wrong").status_code == 401


def test_an_image_added_is_found_after_its_job_and_never_after_its_deletion(
    indexed: Dataset, staff_client: Client
) -> None:
    call_command("rebuild_index", "--json")
    data = image_bytes(77, (200, 160))
    added = staff_client.post("/api/v1/images/", {"dataset": "mine", "file": upload(data, "new.png")}).json()
    assert added["job"]["kind"] == "extract"
    jobs.perform(added["job"]["id"])
    answer = staff_client.post("/api/v1/search/", {"file": upload(data), "k": 1}).json()
    assert answer["hits"][0]["image"] == added["image"]["id"]
    twice = staff_client.post("/api/v1/images/", {"dataset": "mine", "file": upload(data, "again.png")})
    assert (twice.status_code, twice.json()["error"]["code"]) == (409, "duplicate")
    image = Image.objects.get(pk=added["image"]["id"])
    storage, names = image.file.storage, (image.file.name, image.thumbnail.name)
    assert staff_client.delete(f"/api/v1/images/{image.pk}/").status_code == 204
    answer = staff_client.post("/api/v1/search/", {"file": upload(data), "k": 50}).json()
    assert image.pk not in [hit["image"] for hit in answer["hits"]]
    assert len(answer["hits"]) == 16
    assert staff_client.delete(f"/api/v1/bin/images/{image.pk}/").status_code == 204
    assert not any(storage.exists(str(name)) for name in names)


def test_deleting_a_dataset_takes_everything_with_it(
    indexed: Dataset, staff_client: Client, settings: Any
) -> None:
    call_command("rebuild_index", "--json")
    media = Path(settings.MEDIA_ROOT)
    assert any((media / "images" / str(indexed.pk)).rglob("*.jpg"))
    assert staff_client.delete("/api/v1/datasets/mine/").status_code == 204
    assert staff_client.delete(f"/api/v1/bin/datasets/{indexed.pk}/").status_code == 204
    jobs.perform(Job.objects.get(kind=jobs.REMOVE).pk)
    assert not Embedding.objects.exists()
    assert not [file for file in media.rglob("*") if file.is_file() and f"/{indexed.pk}/" in str(file)]
    assert not [path for path in Path(settings.INDEX_ROOT).glob(f"{indexed.pk}-*") if any(path.iterdir())]


def test_images_are_listed_page_by_page_without_gaps(stored: Dataset, client: Client) -> None:
    seen: list[int] = []
    url = "/api/v1/images/?dataset=mine&page_size=5"
    while url:
        page = client.get(url).json()
        seen += [row["id"] for row in page["results"]]
        url = page["next"]
    assert seen == list(Image.objects.order_by("pk").values_list("pk", flat=True))
    for cursor in (
        "rubbish",
        *(b64encode(text).decode() for text in (b"p=abc", b"p=-1", b"p=1.5", b"p=%00")),
    ):
        for address in ("images", "datasets", "jobs", "indexes", "experiments", "projections"):
            assert client.get(f"/api/v1/{address}/", {"cursor": cursor}).status_code == 404
    far = b64encode(b"p=" + b"9" * 19).decode()
    assert client.get("/api/v1/images/", {"cursor": far}).json()["results"] == []


def test_a_dataset_tells_its_categories(stored: Dataset, client: Client) -> None:
    answer = client.get("/api/v1/datasets/mine/").json()
    assert answer["images"] == 16
    assert sum(category["images"] for category in answer["categories"]) == 16


def test_a_zip_uploaded_through_the_api_becomes_a_job_that_can_be_cancelled(
    dataset: Dataset, staff_client: Client, tmp_path: Path
) -> None:
    import zipfile

    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for seed in range(3):
            out.writestr(f"cats/{seed}.png", image_bytes(seed))
    answer = staff_client.post(
        "/api/v1/datasets/mine/upload/", {"file": upload(archive.read_bytes(), "a.zip")}
    )
    assert answer.status_code == 202
    job = jobs.perform(answer.json()["id"])
    assert job
    assert (job.state, job.result["images"]) == (Job.State.SUCCEEDED, 3)
    assert job.result["embeddings"] == 3
    waiting = jobs.enqueue(job_kinds.EXTRACT, dataset)
    assert staff_client.post(f"/api/v1/jobs/{waiting.pk}/cancel/").json()["state"] == "cancelled"
    assert jobs.perform(waiting.pk) is None


@pytest.mark.parametrize(
    ("size", "status", "code"), [(1000, 422, "unsafe_archive"), (3000, 413, "too_large")]
)
def test_what_is_no_zip_or_too_large_is_refused_by_the_api_at_once(
    dataset: Dataset, staff_client: Client, settings: Any, size: int, status: int, code: str
) -> None:
    settings.MAX_ARCHIVE_BYTES = 2000
    answer = staff_client.post("/api/v1/datasets/mine/upload/", {"file": upload(b"x" * size, "a.zip")})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not dataset.jobs.exists()


def test_who_finds_no_place_is_told_when_to_come_again(
    indexed: Dataset, client: Client, settings: Any
) -> None:
    settings.FETCH_PLACES = 0
    answer = post(client, "/api/v1/search/", url="http://pictures.example.org/a.jpg")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
    assert answer["Retry-After"] == "5"


def test_the_schema_is_complete_and_valid(client: Client, tmp_path: Path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml"))
    assert client.get("/api/schema/").status_code == 200


def test_many_who_ask_for_the_schema_at_once_get_it_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def slowly(*_: object, **__: object) -> dict[str, object]:
        made.append(1)
        time.sleep(0.1)
        return {"openapi": "3.0.3"}

    monkeypatch.setattr(schema_view, "_made", {})
    monkeypatch.setattr(SchemaGenerator, "get_schema", slowly)
    generators = [schema_view.KeptSchemaGenerator() for _ in range(4)]  # type: ignore[no-untyped-call]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda one: one.get_schema(), generators))
    assert (found, len(made)) == ([{"openapi": "3.0.3"}] * 4, 1)


@pytest.mark.parametrize("slug", ["a b", "", "x" * 81])
def test_a_bad_slug_is_refused(staff_client: Client, slug: str) -> None:
    assert post(staff_client, "/api/v1/datasets/", slug=slug, name="x").status_code == 400


@override_settings(DEBUG=False)
def test_health_tells_what_is_wrong(client: Client, indexed: Dataset, without_broker: None) -> None:
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "ready"
    assert answer.json()["model"] == "ready"
    assert answer.json()["engine"].startswith(("openvino-", "tensorflow"))
    assert answer.json()["broker"] != "ready"
    assert b'semsearch_jobs{state="failed"} 0' in client.get("/metrics").content


def test_an_error_is_told_in_json_also_where_the_answer_would_have_another_form(
    dataset: Dataset, client: Client
) -> None:
    for address in ("nope/atlas/ids/", f"{dataset.slug}/atlas/ids/?format=csv"):
        response = client.get(f"/api/v1/datasets/{address}")
        assert (response.status_code, response["Content-Type"]) == (404, "application/json")
        assert response.json()["error"]["code"] == "not_found"


def test_an_unknown_address_of_the_interface_is_answered_in_its_own_form(db: None, client: Client) -> None:
    for method in (client.get, client.post):
        response = method("/api/v1/nothing/here/")
        assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")
