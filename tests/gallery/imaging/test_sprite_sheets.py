"""Sheets of small pictures, pictures by number, and datasets made of stored pictures."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.test import Client

from gallery import jobs
from gallery.imaging import decoding, sprite_sheets
from gallery.imaging.decoding import ImageLimits
from gallery.ingest.removals import dataset_removal, removal
from gallery.ingest.single_image import add_image
from gallery.models import AtlasPage, Dataset, FailedFile, Image
from search.models import Embedding
from tests.conftest import image_bytes
from tests.support.experiment_rows import stored_images

pytestmark = pytest.mark.django_db(transaction=True)


def added(dataset: Dataset, seeds: range, label: str = "") -> list[Image]:
    return [add_image(dataset, f"{seed}.png", image_bytes(seed), label).image for seed in seeds]


def update(dataset: Dataset) -> int:
    """Bring the sheets up to date; returns how many pages were drawn."""
    drawn: list[None] = []
    sprite_sheets.update(dataset, lambda: drawn.append(None))
    return len(drawn)


def cell(page: AtlasPage, number: int) -> np.ndarray[Any, Any]:
    with default_storage.open(str(page.file.name)) as file:
        sheet = decoding.decode(file.read(), ImageLimits())
    top, left = (
        number // sprite_sheets.COLUMNS * sprite_sheets.CELL,
        number % sprite_sheets.COLUMNS * sprite_sheets.CELL,
    )
    return sheet[top : top + sprite_sheets.CELL, left : left + sprite_sheets.CELL]


def looks_like(found: np.ndarray[Any, Any], image: Image) -> float:
    """Return the mean difference, 0 to 255, between a cell and what an image should look like in it."""
    from gallery.imaging import thumbnails

    with default_storage.open(str(image.file.name)) as file:
        expected = thumbnails.sprite(decoding.decode(file.read(), ImageLimits()), sprite_sheets.CELL)
    return float(np.abs(found.astype(np.float64) - expected).mean())


def test_every_image_has_its_cell_and_new_ones_are_added_to_the_last_page(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sprite_sheets, "PER_PAGE", 4)
    first = added(dataset, range(6))
    assert update(dataset) == 2
    assert update(dataset) == 0
    full, partial = dataset.atlas_pages.order_by("number")
    more = added(dataset, range(6, 9))
    assert update(dataset) == 2
    pages = list(dataset.atlas_pages.order_by("number"))
    assert [page.number for page in pages] == [0, 1, 2]
    assert pages[0].file.name == full.file.name, "a full page stays"
    assert not default_storage.exists(str(partial.file.name)), "the page that was replaced is gone"
    ids = sprite_sheets.sheets_of(dataset).image_ids.tolist()
    assert ids == [image.pk for image in first + more]
    for place, image in enumerate(first + more):
        own = cell(pages[place // 4], place % 4)
        assert looks_like(own, image) < 12
        assert looks_like(own, first[(place + 1) % 6]) > 20


def test_a_removed_image_leaves_a_hole_and_the_others_keep_their_cells(dataset: Dataset) -> None:
    kept = added(dataset, range(4))
    update(dataset)
    removal.remove_images([kept[1].pk])
    assert update(dataset) == 1
    (page,) = dataset.atlas_pages.all()
    assert sprite_sheets.sheets_of(dataset).image_ids.tolist() == [kept[0].pk, 0, kept[2].pk, kept[3].pk]
    assert cell(page, 1)[4:-4, 4:-4].min() > 250, "nothing is left of it"
    assert looks_like(cell(page, 2), kept[2]) < 12
    assert update(dataset) == 0


def test_the_pages_go_with_their_dataset(dataset: Dataset) -> None:
    added(dataset, range(2))
    update(dataset)
    names = [str(page.file.name) for page in AtlasPage.objects.all()]
    dataset_removal.remove_dataset(dataset)
    assert AtlasPage.objects.count() == 0
    assert not any(default_storage.exists(name) for name in names)


def test_a_page_that_another_job_drew_meanwhile_is_left_alone(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    added(dataset, range(2))
    update(dataset)
    added(dataset, range(2, 4))
    original = sprite_sheets._drawn

    def overtaken(ids: Any) -> bytes:
        monkeypatch.setattr(sprite_sheets, "_drawn", original)
        sprite_sheets.update(dataset, lambda: None)
        return original(ids)

    monkeypatch.setattr(sprite_sheets, "_drawn", overtaken)
    sprite_sheets.update(dataset, lambda: None)
    (page,) = dataset.atlas_pages.all()
    assert len(sprite_sheets.sheets_of(dataset).image_ids) == 4
    folder = str(page.file.name).rpartition("/")[0]
    assert [f"{folder}/{name}" for name in default_storage.listdir(folder)[1]] == [page.file.name]


def test_images_that_two_jobs_draw_at_once_all_come_to_their_own_cells(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sprite_sheets, "PER_PAGE", 4)
    added(dataset, range(2))
    update(dataset)
    original = sprite_sheets._drawn
    late = added(dataset, range(2, 7))

    def overtaken_by_less(ids: Any) -> bytes:
        """Draw for a job that began when only one picture more was there."""
        monkeypatch.setattr(sprite_sheets, "_drawn", original)
        page = dataset.atlas_pages.get()
        sprite_sheets._replace(page, np.append(sprite_sheets._ids(page), late[0].pk))
        return original(ids)

    monkeypatch.setattr(sprite_sheets, "_drawn", overtaken_by_less)
    sprite_sheets.update(dataset, lambda: None)
    ids = sprite_sheets.sheets_of(dataset).image_ids
    assert sorted(ids.tolist()) == sorted(dataset.images.values_list("pk", flat=True))
    sizes = [len(sprite_sheets._ids(page)) for page in dataset.atlas_pages.order_by("number")]
    assert sizes == [4, 3], "all pages but the last are full"


def test_a_lost_thumbnail_leaves_its_cell_white(dataset: Dataset) -> None:
    lost, kept = added(dataset, range(2))
    default_storage.delete(str(lost.thumbnail.name))
    update(dataset)
    (page,) = dataset.atlas_pages.all()
    assert cell(page, 0)[4:-4, 4:-4].min() > 250
    assert looks_like(cell(page, 1), kept) < 12


def test_an_import_leaves_sprite_sheets_that_the_map_can_read(
    dataset: Dataset, sample_folder: Any, client: Client
) -> None:
    jobs.perform_now(jobs.IMPORT, dataset, path=str(sample_folder(count=2)), announce=False)
    found = client.get("/api/v1/datasets/mine/atlas/").json()
    assert {name: found[name] for name in ("cell", "columns", "per_page", "count")} == {
        "cell": 48, "columns": 32, "per_page": 1024, "count": 8,
    }  # fmt: skip
    response = client.get(found["ids"])
    assert response["Content-Type"] == "application/octet-stream"
    ids = np.frombuffer(response.content, "<u4").tolist()
    assert ids == list(dataset.images.order_by("pk").values_list("pk", flat=True))
    (address,) = found["pages"]
    page = client.get(address)
    assert (page.status_code, page["Content-Type"]) == (200, "image/webp")
    assert client.get("/api/v1/datasets/none/atlas/").status_code == 404
    empty = Dataset.objects.create(slug="empty", name="Empty")
    assert client.get(f"/api/v1/datasets/{empty.slug}/atlas/").json()["pages"] == []
    assert client.get(f"/api/v1/datasets/{empty.slug}/atlas/ids/").content == b""


def test_images_are_read_by_number_in_the_order_asked(dataset: Dataset, client: Client) -> None:
    first, second = stored_images(dataset, ["cats", "dogs"])
    url = "/api/v1/images/"
    found = client.get(url, {"ids": f"{second},999999,{first},{second}"}).json()["results"]
    assert [(one["id"], one["label"]) for one in found] == [(second, "dogs"), (first, "cats")]
    assert found[0]["page_url"] == f"/datasets/mine/images/{second}/"
    many = stored_images(dataset, [""] * 200)
    assert len(client.get(url, {"ids": ",".join(map(str, many))}).json()["results"]) == 200
    for ids, words in ((",".join(map(str, [*many, first])), "at most 200"), ("1,x", "commas"), ("", "ids")):
        refused = client.get(url, {"ids": ids})
        assert refused.status_code == 400
        assert words in refused.json()["error"]["detail"]


def test_a_dataset_is_made_of_images_of_others(
    dataset: Dataset, client: Client, staff_client: Client
) -> None:
    other = Dataset.objects.create(slug="other", name="Other")
    cats, dogs = added(dataset, range(3), "cats"), added(other, range(2, 5), "dogs")
    body = {"name": "Chosen", "slug": "chosen", "images": [cats[0].pk, cats[2].pk, dogs[0].pk, dogs[1].pk]}

    def post(by: Client, **changes: Any) -> Any:
        path = "/api/v1/datasets/from-images/"
        return by.post(path, json.dumps(body | changes), content_type="application/json")

    assert post(client).status_code in (401, 403)
    response = post(staff_client)
    assert response.status_code == 201
    made = response.json()
    assert (made["slug"], made["images"], made["url"]) == ("chosen", 0, "/datasets/chosen/")
    removal.remove_images([dogs[1].pk])
    ended = jobs.perform(made["job"]["id"])
    assert ended
    # the third cat and the first dog are the same picture
    assert {k: ended.result.get(k) for k in ("images", "duplicates", "failed")} == {
        "images": 2,
        "duplicates": 1,
        "failed": 1,
    }
    chosen = Dataset.objects.get(slug="chosen")
    copies = list(chosen.images.order_by("pk"))
    assert [(copy.sha256, copy.category) for copy in copies] == [
        (cats[0].sha256, "cats"), (cats[2].sha256, "cats"),
    ]  # fmt: skip
    assert copies[0].file.name != cats[0].file.name
    assert "removed before" in FailedFile.objects.get(job=ended, code="skipped").reason
    assert Embedding.objects.filter(dataset=chosen).count() == 2
    assert default_storage.listdir("uploads")[1] == [], "the list of chosen pictures is gone"
    for changes, status in (
        ({}, 400),
        ({"slug": "a b"}, 400),
        ({"slug": "new", "images": []}, 400),
        ({"slug": "new", "images": ["x"]}, 400),
        ({"slug": "new", "images": [10**9]}, 404),
    ):
        assert post(staff_client, **changes).status_code == status
    assert not Dataset.objects.filter(slug="new").exists()
