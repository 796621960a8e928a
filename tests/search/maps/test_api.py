"""Projections in the REST interface: rows, points as binary and CSV, colours, legends, new ones."""

from __future__ import annotations

import csv
import io
import json
import struct
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from gallery.ingest.removals import removal
from gallery.models import Dataset, Image, Job
from search.maps import files as map_files
from search.maps.files import StoredMap
from search.maps.layers import Plan
from search.models import FeatureMatrix, Projection
from tests.support.experiment_rows import experiment_row, query_row, stored_images
from tests.support.projection_rows import featured_images, maps, pca, project, specs
from tests.support.site import ROOT

pytestmark = pytest.mark.django_db

URL = "/api/v1/projections/"


@pytest.fixture
def images(dataset: Dataset) -> list[int]:
    """Return the ids of six images: two dogs, two cats, two without a label."""
    return stored_images(dataset, ["dogs", "dogs", "cats", "cats", "", ""])


@pytest.fixture
def row(dataset: Dataset, images: list[int]) -> Projection:
    """Return a map of the six images, of the last layer."""
    points = np.array([[0, 0], [1, 4], [2, 1], [3, 3], [-1, 2], [0.5, 0.5]], dtype=np.float32)
    return projection_row(dataset, images, points, [0, 0, 1, 1, 1, 0])


def projection_row(
    dataset: Dataset, ids: list[int], points: np.ndarray[Any, Any], clusters: list[int], **values: Any
) -> Projection:
    plan = pca()
    usual = {
        "spec": specs()[-1],
        "count": len(ids),
        "fitted": len(ids),
        "images_revision": dataset.current_revision(),
        "trustworthiness": 0.91234567,
        "neighbour_agreement": 0.5,
        "separation": 0.8,
        "weighted_separation": 0.73,
        "seconds": 1.23456,
    }
    row = Projection(
        dataset=dataset, method="pca", parameters=plan.parameters, digest=plan.digest, **usual | values
    )
    map_files.store(
        row, StoredMap(np.array(ids), points.astype(np.float32), np.array(clusters, dtype=np.uint16))
    )
    return row


def decoded(data: bytes) -> dict[str, Any]:
    """Read the binary form as a client does that knows only its description."""
    magic, version, count, flags = struct.unpack_from("<4sIII", data)
    assert (magic, version, flags, len(data)) == (b"SSMP", 1, 0, 32 + 10 * count)
    box = struct.unpack_from("<4f", data, 16)
    across, up = (np.frombuffer(data, "<u2", count, 32 + part * 2 * count) for part in (0, 1))
    xy = np.stack(
        [box[0] + across / 65535 * (box[2] - box[0]), box[1] + up / 65535 * (box[3] - box[1])], axis=1
    )
    return {
        "box": box,
        "xy": xy,
        "ids": np.frombuffer(data, "<u4", count, 32 + 4 * count).tolist(),
        "categories": np.frombuffer(data, "<u2", count, 32 + 8 * count).tolist(),
    }


def test_a_row_tells_how_the_map_was_made_and_how_good_it_is(row: Projection, client: Client) -> None:
    (found,) = client.get(URL, {"dataset": "mine"}).json()["results"]
    assert found == client.get(f"{URL}{row.pk}/").json()
    assert found.pop("computed_at").endswith("Z")
    assert found == {
        "id": row.pk,
        "dataset": "mine",
        "model": "efficientnet-lite0",
        "layer": "top",
        "layer_position": 8,
        "pooling": "average",
        "method": "pca",
        "parameters": {"metric": "cosine", "seed": 42},
        "digest": pca().digest,
        "count": 6,
        "fitted": 6,
        "trustworthiness": 0.912346,
        "neighbour_agreement": 0.5,
        "separation": 0.8,
        "weighted_separation": 0.73,
        "seconds": 1.235,
        "stale": False,
    }
    stored_images(row.dataset, ["cats"])
    assert client.get(f"{URL}{row.pk}/").json()["stale"]


def test_points_come_in_ten_bytes_each_with_their_ids_and_categories(
    row: Projection, images: list[int], client: Client
) -> None:
    response = client.get(f"{URL}{row.pk}/points/")
    assert response["Content-Type"] == "application/octet-stream"
    found = decoded(response.content)
    assert found["ids"] == images
    assert found["categories"] == [1, 1, 0, 0, 65535, 65535]
    assert found["box"] == (-1.0, 0.0, 3.0, 4.0)
    assert np.abs(found["xy"] - map_files.read(row).points).max() < 4 / 65535
    legend = client.get(f"{URL}{row.pk}/legend/").json()
    assert legend == {
        "kind": "category", "names": ["cats", "dogs"], "counts": [2, 2], "none": 2, "experiment": None,
    }  # fmt: skip


def test_points_of_removed_images_and_new_labels_are_told_at_once(
    row: Projection, images: list[int], client: Client
) -> None:
    first = client.get(f"{URL}{row.pk}/points/")
    known = {"if-none-match": first["ETag"]}
    same = client.get(f"{URL}{row.pk}/points/", headers=known)
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", first["ETag"])
    removal.remove_images(images[:1])
    Image.objects.filter(pk=images[1]).update(category="apes")
    changed = client.get(f"{URL}{row.pk}/points/", headers=known)
    assert changed.status_code == 200
    found = decoded(changed.content)
    assert found["ids"] == images[1:]
    assert found["categories"] == [0, 1, 1, 65535, 65535]
    removal.remove_images(images)
    assert decoded(client.get(f"{URL}{row.pk}/points/").content)["ids"] == []


def test_one_point_and_points_in_one_place_have_a_box_without_extent(
    dataset: Dataset, images: list[int], client: Client
) -> None:
    row = projection_row(dataset, images[:2], np.array([[7.0, -3.0], [7.0, -3.0]]), [0, 0])
    found = decoded(client.get(f"{URL}{row.pk}/points/").content)
    assert found["xy"].tolist() == [[7.0, -3.0], [7.0, -3.0]]


def test_an_image_number_that_does_not_fit_is_refused_in_words(dataset: Dataset, client: Client) -> None:
    Image.objects.create(
        pk=2**32, dataset=dataset, sha256="0" * 64, filename="a.png", width=1, height=1, size_bytes=1
    )
    row = projection_row(dataset, [2**32], np.zeros((1, 2)), [0])
    response = client.get(f"{URL}{row.pk}/points/")
    assert response.status_code == 413
    assert "read the map as CSV" in response.json()["error"]["detail"]
    assert client.get(f"{URL}{row.pk}/points.csv").status_code == 200


def test_csv_is_a_file_that_no_spreadsheet_computes(
    row: Projection, images: list[int], client: Client
) -> None:
    Image.objects.filter(pk=images[0]).update(filename="=cmd()", category="+dogs")
    response = client.get(f"{URL}{row.pk}/points.csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == f'attachment; filename="map-mine-{row.pk}.csv"'
    content = response.getvalue()
    rows = list(csv.reader(io.StringIO(content.decode())))
    assert rows[:3] == [
        ["id", "filename", "label", "x", "y"],
        [str(images[0]), "'=cmd()", "'+dogs", "0", "0"],
        [str(images[1]), f"{images[1]}.png", "dogs", "1", "4"],
    ]
    assert len(rows) == 7
    other = client.get(f"{URL}{row.pk}/points/", {"format": "csv"})
    assert other.getvalue() == content


def test_clusters_and_scores_have_a_legend_and_a_number_for_each_point(
    row: Projection, images: list[int], client: Client
) -> None:
    colours = f"{URL}{row.pk}/colours/"
    numbers = np.frombuffer(client.get(colours, {"by": "cluster"}).content, "<u2")
    assert numbers.tolist() == [0, 0, 1, 1, 1, 0]
    legend = client.get(f"{URL}{row.pk}/legend/", {"by": "cluster"}).json()
    assert (legend["names"], legend["counts"]) == (["Cluster 1", "Cluster 2"], [3, 3])

    without = client.get(colours, {"by": "score"})
    assert without.status_code == 404
    assert "compute it" in without.json()["error"]["detail"]
    experiment = experiment_row(row.dataset, row.spec)
    for pk, score in zip(images[:3], (1.0, 0.1234, 0.0), strict=True):
        query_row(experiment, pk, [], [], weighted_precision=score).save()
    query_row(experiment, images[3], [], []).save()
    for query in ("by=score", f"by=score&experiment={experiment.pk}"):
        numbers = np.frombuffer(client.get(f"{colours}?{query}").content, "<u2")
        assert numbers.tolist() == [1000, 123, 0, 65535, 65535, 65535]
    legend = client.get(f"{URL}{row.pk}/legend/", {"by": "score"}).json()
    assert legend["names"][::9] == ["0–10 %", "90–100 %"]
    assert (legend["counts"], legend["none"]) == ([1, 1, *[0] * 7, 1], 3)
    assert legend["experiment"] == experiment.pk


def test_wrong_questions_are_answered_in_words_and_in_json(row: Projection, client: Client) -> None:
    other = Dataset.objects.create(slug="other", name="Other")
    elsewhere = experiment_row(other, row.spec)
    path = f"{URL}{row.pk}/"
    for address, status, words in (
        (f"{URL}999/", 404, "no map 999"),
        (f"{URL}999/points/", 404, "no map 999"),
        (f"{URL}999/points.csv", 404, "no map 999"),
        (f"{URL}{10**17}/points/", 404, "no map"),
        (f"{path}colours/?by=colour", 400, "there are category, cluster, score"),
        (f"{path}legend/?by=score&experiment=999", 404, "no experiment 999"),
        (f"{path}legend/?by=score&experiment={elsewhere.pk}", 422, "another dataset"),
        (f"{path}legend/?by=score&experiment={2**63}", 400, "experiment"),
        (f"{path}points/?format=xml", 404, ""),
        (f"{URL}?method=mds", 400, "there are umap, tsne, pca"),
        (f"{URL}?dataset=none", 404, "no dataset called none"),
    ):
        response = client.get(address)
        assert (response.status_code, address) == (status, address)
        assert words in response.json()["error"]["detail"]


def test_lists_are_filtered_paged_and_read_in_a_fixed_number_of_queries(
    dataset: Dataset, images: list[int], client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for spec in specs():
        projection_row(dataset, images, np.zeros((6, 2)), [0] * 6, spec=spec)
    with django_assert_num_queries(2):
        found = client.get(URL, {"dataset": "mine"}).json()["results"]
    assert [one["layer_position"] for one in found] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert len(client.get(URL, {"layer": "stem", "method": "pca"}).json()["results"]) == 1
    assert client.get(URL, {"method": "umap"}).json()["results"] == []
    assert client.get(URL, {"digest": "0"}).json()["results"] == []
    first = client.get(URL, {"page_size": 5}).json()
    assert len(first["results"]) == 5
    assert len(client.get(first["next"]).json()["results"]) == 3


def test_points_are_read_in_a_fixed_number_of_queries(
    row: Projection, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(4):
        client.get(f"{URL}{row.pk}/points/")
    with django_assert_max_num_queries(2):
        client.get(f"{URL}{row.pk}/points/")


def test_staff_orders_maps_and_others_may_not(dataset: Dataset, client: Client, staff_client: Client) -> None:
    featured_images(dataset, ["cats", "dogs"] * 5)
    body: dict[str, Any] = {"dataset": "mine", "method": "pca", "models": ["efficientnet-lite0"]}

    def post(by: Client, **changes: Any) -> Any:
        return by.post(URL, json.dumps(body | changes), content_type="application/json")

    assert post(client).status_code in (401, 403)
    response = post(staff_client)
    assert response.status_code == 202
    (job,) = response.json()["jobs"]
    assert (job["kind"], job["dataset"], job["state"]) == ("project", "mine", "queued")
    assert post(staff_client).json()["jobs"][0]["id"] == job["id"]
    afresh = post(staff_client, method="", parameters={"afresh": True, "neighbours": 4}).json()["jobs"]
    stored = [Job.objects.get(pk=one["id"]).parameters for one in afresh]
    assert [(one["method"], one["afresh"]) for one in stored] == [
        ("umap", True), ("tsne", True), ("pca", True),
    ]  # fmt: skip
    assert stored[0]["parameters"]["neighbours"] == 4
    for changes, status, words in (
        ({"dataset": "none"}, 404, "no dataset"),
        ({"method": "mds"}, 404, "there are umap, tsne, pca"),
        ({"models": ["alexnet"]}, 404, "no network"),
        ({"pooling": "sum"}, 404, "sum"),
        ({"parameters": {"metric": "hamming"}}, 422, "no metric 'hamming'"),
        ({"parameters": {"neighbours": 1000}}, 422, "2 to 200"),
        ({"parameters": {"min_dist": "near"}}, 400, "min_dist"),
        ({"parameters": {"seed": -1}}, 422, "seed"),
        ({"parameters": [1]}, 400, "dictionary"),
    ):
        refused = post(staff_client, **changes)
        assert (refused.status_code, changes) == (status, changes)
        assert words in refused.json()["error"]["detail"]


def test_a_computed_map_is_read_as_it_was_made(dataset: Dataset, client: Client) -> None:
    plan: Plan = pca()
    ids = featured_images(dataset, ["cats", "dogs"] * 6)
    project(dataset, plan)
    last = maps(dataset)[-1]
    found = decoded(client.get(f"{URL}{last.pk}/points/").content)
    points = map_files.read(last).points
    assert found["ids"] == ids
    assert np.abs(found["xy"] - points).max() <= np.ptp(points, axis=0).max() / 65535
    FeatureMatrix.objects.all().delete()
    assert client.get(f"{URL}{last.pk}/legend/", {"by": "cluster"}).json()["none"] == 0


def test_the_web_server_never_loads_what_makes_maps() -> None:
    script = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'semsearch_site.settings'\n"
        "import django; django.setup()\n"
        "import search.maps.api, search.maps.jobs, search.management.commands.demo\n"
        "heavy = ('umap', 'numba', 'sklearn', 'scipy', 'faiss', 'tensorflow')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
