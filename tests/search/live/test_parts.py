"""Parts of images: indexed where somebody asked for it, found by searches, kept up to date, and forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gallery import jobs
from gallery.errors import NotFoundError, SemsearchError
from gallery.models import Dataset, Image, Job
from search import job_kinds
from search.embedding import part_jobs
from search.experiments import promotion
from search.extractors import parts
from search.extractors.pooling import pooled_dims, pooling
from search.features import feature_specs, part_specs
from search.indexing import builds
from search.models import Embedding, SearchIndex
from tests.search.live.test_framing import composite, first, search

LEFT, RIGHT = [0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]


@pytest.fixture
def dataset(sample_dataset: Callable[..., Dataset]) -> Dataset:
    """Return a dataset of sixteen searchable images in four categories."""
    return sample_dataset(count=4)


def add(staff_client: Client, dataset: Dataset, data: bytes) -> Image:
    """Add an image to a dataset."""
    sent = {"dataset": dataset.slug, "file": SimpleUploadedFile("both.jpg", data)}
    assert staff_client.post("/api/v1/images/", sent).status_code == 201
    return dataset.images.latest("pk")


def area(box: list[float] | None) -> float | None:
    """Return the share of an image that a box has, None without one."""
    return None if box is None else (box[2] - box[0]) * (box[3] - box[1])


def rank_of(found: Any, image: Image) -> int:
    """Return the place of an image among hits."""
    return next(int(hit["rank"]) for hit in found["hits"] if hit["image"] == image.pk)


def index_parts(dataset: Dataset) -> Job:
    """Index the parts of a dataset in this process."""
    return jobs.perform_now(job_kinds.PARTS, dataset)


def test_a_part_of_a_map_is_pooled_as_the_whole_of_a_smaller_one() -> None:
    maps = np.random.default_rng(5).random((2, 9, 9, 3), dtype=np.float32)
    assert np.array_equal(parts.cut(maps, parts.PARTS["left"]), maps[:, :, :5])
    assert np.array_equal(parts.cut(maps, parts.PARTS["bottom-right"]), maps[:, 4:, 4:])
    assert parts.cut(maps[:, :1, :1], parts.PARTS["top-right"]).shape == (2, 1, 1, 3)
    for name in parts.DIVISIBLE:
        right = pooling(parts.pooling_of_part(name, "right"))(maps)
        assert np.array_equal(right, pooling(name)(np.ascontiguousarray(maps[:, :, 4:])))
        assert right.shape[1] == pooled_dims(f"{name}@right", (9, 9, 3))
    assert parts.divided("pyramid@top-left") == ("pyramid", "top-left")
    assert parts.divided("pyramid") == ("pyramid", None)
    for wrong in ("pyramid@middle", "nothing@left"):
        with pytest.raises(SemsearchError):
            pooling(wrong)


@pytest.mark.django_db(transaction=True)
def test_what_is_a_part_of_an_image_is_found_there_and_explained(
    dataset: Dataset, staff_client: Client
) -> None:
    images = list(dataset.images.order_by("pk"))
    both = add(staff_client, dataset, composite(images[0], images[5]))
    asked: dict[str, Any] = {"datasets": ["mine"], "k": 16}
    before = search(staff_client, like=[{"image": images[5].pk}], **asked)
    assert {str(hit["box"]) for hit in before["hits"]} == {"None"}
    assert before["indexes"][0]["parts"] == 0

    done = index_parts(dataset)
    assert (done.result["embeddings"], done.result["failed"]) == (17 * 8, 0)
    found = search(staff_client, like=[{"image": images[5].pk}], **asked)
    by_image = {hit["image"]: hit for hit in found["hits"]}
    assert len(by_image) == len(found["hits"]) == 16
    assert by_image[both.pk]["box"] == RIGHT
    assert by_image[both.pk]["score"] > before["hits"][rank_of(before, both) - 1]["score"] + 0.1
    assert by_image[both.pk]["probability"] is None
    assert found["indexes"][0]["parts"] == 8
    # a part has to be nearer by so much
    merits = [hit["score"] - {None: 0, 0.5: 0.05, 0.25: 0.1}[area(hit["box"])] for hit in found["hits"]]
    assert merits == sorted(merits, reverse=True)
    # by the part as a query, too
    framed = search(staff_client, like=[{"image": both.pk, "box": LEFT}], **asked)
    assert first(framed) == images[0].pk

    pages: list[Any] = []
    cursor = None
    while not pages or cursor:
        page = search(staff_client, like=[{"image": images[5].pk}], datasets=["mine"], k=5, cursor=cursor)
        pages += page["hits"]
        cursor = page["next"]
    assert [hit["image"] for hit in pages] == [hit["image"] for hit in found["hits"]]

    explained = search(staff_client, like=[{"image": images[5].pk}], explain=True, **asked)["hits"]
    for hit in explained:
        assert np.sum(hit["hit_cells"]) == pytest.approx(hit["score"], abs=1e-3)
        assert np.sum(hit["query_cells"]) == pytest.approx(hit["score"], abs=1e-3)
    (shown,) = [hit for hit in explained if hit["image"] == both.pk]
    assert shown["hit_square"][0] >= 0.44
    alone: dict[str, Any] = {"image": images[5].pk, "hit": both.pk, "dataset": "mine"}
    answer = staff_client.get("/api/v1/search/explanation/", alone).json()
    assert answer["score"] == pytest.approx(shown["score"], abs=1e-5)

    label = search(staff_client, like=[{"image": images[5].pk}], where={"label": images[0].category}, **asked)
    assert {hit["label"] for hit in label["hits"]} == {images[0].category}


@pytest.mark.django_db(transaction=True)
def test_parts_follow_their_images_and_are_forgotten(dataset: Dataset, staff_client: Client) -> None:
    images = list(dataset.images.order_by("pk"))
    index_parts(dataset)
    live = feature_specs.live_index(dataset)
    there = part_specs.existing_indexes(live)
    assert there.keys() == parts.PARTS.keys()
    assert {index.embeddings for index in there.values()} == {16}
    again = index_parts(dataset)
    assert again.result["embeddings"] == 0
    for index in there.values():
        builds.rebuild(index)

    both = add(staff_client, dataset, composite(images[0], images[5]))
    waiting = Job.objects.filter(kind=job_kinds.PARTS, state=Job.State.QUEUED)
    assert waiting.count() == 1
    # as an image that came while another configuration answered
    waiting.update(state=Job.State.CANCELLED)
    jobs.perform_now(job_kinds.PROMOTE, dataset, spec=live.spec_id)
    assert waiting.count() == 1
    index_parts(dataset)
    found = search(staff_client, like=[{"image": images[5].pk}], datasets=["mine"], k=16)
    assert found["hits"][rank_of(found, both) - 1]["box"] == RIGHT
    assert staff_client.delete(f"/api/v1/images/{both.pk}/").status_code == 204
    found = search(staff_client, like=[{"image": images[5].pk}], datasets=["mine"], k=16)
    assert both.pk not in [hit["image"] for hit in found["hits"]]

    with pytest.raises(promotion.NotPromotableError, match="parts"):
        promotion.enqueue_index(there["left"])
    call_command("index_parts", "mine", "--remove")
    assert not part_specs.existing_indexes(live)
    specs = {index.spec_id for index in there.values()}
    assert not Embedding.objects.filter(spec__in=specs).exists()
    found = search(staff_client, like=[{"image": images[5].pk}], datasets=["mine"], k=3)
    assert found["indexes"][0]["parts"] == 0


@pytest.mark.django_db(transaction=True)
def test_what_parts_take_is_said_before(dataset: Dataset, staff_client: Client, capsys: Any) -> None:
    answer = staff_client.get("/api/v1/datasets/mine/parts/").json()
    expected = {"images": 16, "indexed": 0, "active": False, "parts": 8, "rows": 128}
    assert {key: answer[key] for key in expected} == expected
    assert answer["bytes"] == 128 * (4 * 512 + 60)
    Job.objects.create(
        kind=job_kinds.EXTRACT, dataset=dataset, state=Job.State.SUCCEEDED, result={"images_per_s": 8.0}
    )
    assert staff_client.get("/api/v1/datasets/mine/parts/").json()["seconds"] <= 16 / 0.1
    call_command("index_parts", "mine", "--estimate", "--json")
    assert json.loads(capsys.readouterr().out)["active"] is False
    assert not SearchIndex.objects.filter(spec__pooling__contains="@").exists()
    call_command("index_parts", "mine", "--json")
    report = json.loads(capsys.readouterr().out)
    assert (report["indexed"], report["active"], report["failed"], report["seconds"]) == (16, True, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_parts_are_asked_for_and_taken_back_by_jobs(dataset: Dataset, staff_client: Client) -> None:
    first_job = staff_client.post("/api/v1/datasets/mine/parts/")
    assert first_job.status_code == 202
    assert staff_client.post("/api/v1/datasets/mine/parts/").json()["id"] == first_job.json()["id"]
    assert staff_client.delete("/api/v1/datasets/mine/parts/").json()["id"] != first_job.json()["id"]
    assert staff_client.post("/api/v1/datasets/nowhere/parts/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_features_that_have_no_parts_are_refused(dataset: Dataset) -> None:
    with pytest.raises(NotFoundError, match="of a part"):
        feature_specs.config_named(None, None, "pyramid@left")
    spec = feature_specs.live_index(dataset).spec
    spec.pooling = "flatten"
    with pytest.raises(part_specs.NoPartsError, match="flatten"):
        part_specs.require_parts(spec)
    spec.tuning = "labels"
    with pytest.raises(part_specs.NoPartsError, match="switch live search back"):
        part_specs.require_parts(spec)


@pytest.mark.django_db(transaction=True)
def test_a_search_where_there_are_no_parts_asks_the_database_for_none(
    dataset: Dataset, staff_client: Client
) -> None:
    image = dataset.images.first()
    assert image is not None
    search(staff_client, like=[{"image": image.pk}])
    with CaptureQueriesContext(
        connection,
    ) as queries:
        search(staff_client, like=[{"image": image.pk}])
    assert not [one for one in queries if "pooling" in one["sql"] and "startswith" in one["sql"].lower()]
    assert not [one for one in queries if "LIKE" in one["sql"]]
    assert part_jobs.parts_answer(dataset)["active"] is False
