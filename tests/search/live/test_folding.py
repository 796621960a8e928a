"""Hits that show the same are folded, pages count what stands, and hits fall into groups."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image as Pillow

from gallery.models import Dataset, Image
from search.index import groups as index_groups
from tests.conftest import import_folder, sample_files

pytestmark = pytest.mark.django_db(transaction=True)


def search(client: Client, /, **document: Any) -> Any:
    """POST a search, and return its answer in JSON."""
    return client.post("/api/v1/search/", json.dumps(document), content_type="application/json").json()


def ids_of(answer: Any) -> list[int]:
    """Return the ids of the hits of an answer."""
    return [hit["image"] for hit in answer["hits"]]


def pages(client: Client, /, **document: Any) -> list[Any]:
    """Return the hits of all pages."""
    found: list[Any] = []
    cursor = None
    while not found or cursor is not None:
        page = search(client, **document, cursor=cursor)
        found += page["hits"]
        cursor = page["next"]
    return found


def copy_of(file: Path) -> bytes:
    """Return the pixels of an image in another file."""
    out = io.BytesIO()
    with Pillow.open(file) as image:
        image.convert("RGB").save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def copies(sample_dataset: Callable[..., Dataset], tmp_path: Path) -> list[Image]:
    """Return sixteen images; a second dataset has four of them, and copies of the four in other files."""
    images = list(sample_dataset(count=4).images.order_by("pk"))
    folder = tmp_path / "copies"
    for number, file in enumerate(sample_files("objects200", count=1)[:4]):
        (folder / file.parent.name).mkdir(parents=True)
        (folder / file.parent.name / "same.png").write_bytes(file.read_bytes())
        (folder / file.parent.name / f"{number}.png").write_bytes(copy_of(file))
    import_folder(Dataset.objects.create(slug="copies", name="Copies"), folder)
    return images


def test_identical_files_are_one_hit_with_the_others_under_it(copies: list[Image], client: Client) -> None:
    query = {"like": [{"image": copies[5].pk}], "k": 50}
    plain = search(client, **query)
    assert "folded" not in plain["hits"][0]
    folded = search(client, **query, fold="identical")
    stands: dict[str, list[int]] = {}
    for hit in plain["hits"]:
        stands.setdefault(hit["sha256"], []).append(hit["image"])
    assert max(map(len, stands.values())) == 2
    assert ids_of(folded) == [first for first, *_ in stands.values()]
    assert [[one["image"]["id"] for one in hit["folded"]] for hit in folded["hits"]] == [
        others for _, *others in stands.values()
    ]
    assert {one["same"] for hit in folded["hits"] for one in hit["folded"]} == {"file"}
    assert [hit["rank"] for hit in folded["hits"]] == list(range(1, len(stands) + 1))
    assert (folded["searched"], folded["next"]) == (24, None)


def test_near_identical_ones_are_folded_on_request(copies: list[Image], client: Client) -> None:
    asked = {"like": [{"image": copies[5].pk}], "k": 50}
    hits = search(client, **asked, fold="near")["hits"]
    folded = {one["image"]["id"]: one["same"] for hit in hits for one in hit["folded"]}
    other_files = set(
        Image.objects.filter(dataset__slug="copies")
        .exclude(filename__endswith="same.png")
        .values_list("pk", flat=True)
    )
    # each lies under the image that it was made of
    of_label = {image.pk: image.category for image in Image.objects.all()}
    assert other_files <= set(folded)
    assert all(
        of_label[one["image"]["id"]] == of_label[hit["image"]] for hit in hits for one in hit["folded"]
    )
    whole = ids_of(search(client, **asked))
    assert sorted([*ids_of({"hits": hits}), *folded]) == sorted(whole)


@pytest.mark.parametrize("fold", ["identical", "near"])
def test_pages_of_folded_hits_continue_without_a_gap(copies: list[Image], client: Client, fold: str) -> None:
    document = {"like": [{"image": copies[5].pk}], "fold": fold, "cutoff": {"mode": "percentile", "at": 0.9}}
    whole = search(client, **document, k=50)
    found = pages(client, **document, k=3)
    assert [hit["image"] for hit in found] == ids_of(whole)
    assert [hit["rank"] for hit in found] == [hit["rank"] for hit in whole["hits"]]
    below = [hit for hit in whole["hits"] if hit["percentile"] is not None and hit["percentile"] < 0.9]
    assert whole["below_cutoff"] in (None, len(below))


def test_what_is_not_folded_costs_no_more(copies: list[Image], client: Client) -> None:
    asked = {"like": [{"image": copies[5].pk}], "datasets": ["mine"], "k": 5}
    search(client, **asked)

    def statements(**more: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            search(client, **asked, **more)
        return len(captured)

    plain = statements()
    assert statements(fold="identical") == plain
    assert statements(fold="near") == plain + 1
    assert statements(group="label") == plain
    assert statements(group="cluster") == plain + 1


def test_hits_are_grouped_by_label(copies: list[Image], client: Client) -> None:
    asked = {"like": [{"image": copies[5].pk}], "datasets": ["mine"], "k": 2}
    page = search(client, **asked, group="label")
    assert {(group["label"], group["count"]) for group in page["groups"]} == {
        (image.category, 3 if image.category == copies[5].category else 4) for image in copies
    }
    assert len(page["hits"]) == 2
    first = {image.pk: image.category for image in copies}
    assert all(first[group["image"]["id"]] == group["label"] for group in page["groups"])
    assert search(client, **asked, group="label", cursor=page["next"])["groups"] is None
    assert search(client, where="width>=1", group="label")["groups"] is None
    assert "groups" not in search(client, **asked)


def test_hits_are_grouped_by_what_they_look_like(copies: list[Image], client: Client) -> None:
    asked: dict[str, Any] = {"like": [{"image": copies[0].pk}], "datasets": ["mine"]}
    asked |= {"group": "cluster", "k": 15}
    groups = search(client, **asked)["groups"]
    assert 3 <= len(groups) <= 5
    assert sum(group["count"] for group in groups) == 15
    assert [group["count"] for group in groups] == sorted((one["count"] for one in groups), reverse=True)
    label = {image.pk: image.category for image in copies}
    # examples of one kind lead to it
    chosen = next(
        group
        for group in groups
        if {label[image] for image in group["like"]} == {group["label"]} != {copies[0].category}
    )
    assert chosen["image"]["id"] == chosen["like"][0]
    steered = search(
        client, like=[*asked["like"], *({"image": image} for image in chosen["like"])], datasets=["mine"], k=1
    )
    assert steered["hits"][0]["label"] == chosen["label"]
    assert search(client, **asked)["groups"] == groups


@pytest.mark.parametrize("wrong", [{"fold": "all"}, {"group": "dataset"}, {"fold": True}])
def test_an_unknown_way_to_fold_or_group_is_refused(client: Client, wrong: Any) -> None:
    answer = client.post(
        "/api/v1/search/", json.dumps({"like": [], **wrong}), content_type="application/json"
    )
    assert (answer.status_code, next(iter(wrong)) in json.dumps(answer.json())) == (400, True)


def clouds(sizes: tuple[int, ...], spread: float) -> np.ndarray:
    """Return unit vectors in clouds of these sizes, one after the other."""
    random = np.random.default_rng(3)
    centres = np.repeat(np.eye(len(sizes), 64), sizes, axis=0)
    rows = centres + spread * random.standard_normal((sum(sizes), 64)) / 8
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@pytest.mark.parametrize("sizes", [(40, 30, 20), (50, 40, 30, 20), (60, 50, 40, 30, 20)])
def test_clouds_of_vectors_are_told_apart_the_largest_first(sizes: tuple[int, ...]) -> None:
    found = index_groups.groups(clouds(sizes, 0.5))
    ends = np.cumsum(sizes)
    assert [sorted(rows.tolist()) for rows in found] == [
        list(range(end - size, end)) for end, size in zip(ends, sizes, strict=True)
    ]


def test_one_cloud_and_few_vectors_are_no_groups() -> None:
    assert index_groups.groups(clouds((90,), 3.0)) == []
    assert index_groups.groups(clouds((4, 4, 3), 0.1)) == []


def test_a_silhouette_is_what_its_definition_says() -> None:
    from sklearn.metrics import silhouette_score

    units = clouds((9, 8, 7), 2.0)
    found = np.random.default_rng(1).integers(0, 3, len(units))
    distances = np.maximum(0, 1 - units @ units.T)
    np.fill_diagonal(distances, 0)
    expected = silhouette_score(distances, found, metric="precomputed")
    assert index_groups.silhouette(distances, found) == pytest.approx(expected, abs=1e-5)
