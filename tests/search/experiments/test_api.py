"""Experiments in the REST interface: rows, filters, categories, wrong questions, and new ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from gallery.ingest.removals import removal
from gallery.models import Dataset, Image, Job
from search import job_kinds
from search.models import Experiment, SearchIndex
from tests.support.experiment_rows import experiment_row, feature_spec, stored_images

pytestmark = pytest.mark.django_db

URL = "/api/v1/experiments/"


def test_a_row_tells_the_configuration_its_cost_and_its_scores_in_percent(
    experiment: Experiment, client: Client
) -> None:
    (row,) = client.get(URL, {"dataset": "mine"}).json()["results"]
    assert row.pop("computed_at").endswith("Z")
    assert row == {
        "id": experiment.pk,
        "dataset": "mine",
        "model": "efficientnet-lite0",
        "layer": "top",
        "pooling": "average",
        "metric": "cosine",
        "input_size": 224,
        "dims": 1280,
        "bytes_per_vector": 2560,
        "images": 6,
        "k": 10,
        "weighted_precision": 92.34,
        "precision": 90.0,
        "map": 85.0,
        "extract_ms": 4.568,
        "stale": False,
    }


def test_the_list_is_filtered_by_every_name_and_paged(dataset: Dataset, client: Client) -> None:
    for layer in ("block1", "top"):
        for metric in ("cosine", "euclidean"):
            experiment_row(dataset, feature_spec(layer), metric)
    experiment_row(Dataset.objects.create(slug="other", name="Other"), feature_spec("top", pooling="max"))

    def count(**wanted: str) -> int:
        return len(client.get(URL, wanted).json()["results"])

    assert count() == 5
    assert count(dataset="mine") == 4
    assert count(dataset="mine", layer="top") == 2
    assert count(dataset="mine", layer="top", metric="cosine") == 1
    assert count(pooling="max") == 1
    assert count(model="efficientnet-lite2") == 0
    assert count(dataset="", model="", layer="", pooling="", metric="") == 5
    first = client.get(URL, {"page_size": 3}).json()
    rest = client.get(first["next"]).json()
    ids = [row["id"] for row in first["results"] + rest["results"]]
    assert ids == sorted(set(ids), reverse=True)
    assert len(ids) == 5


@pytest.mark.parametrize("change", ["added", "removed", "relabelled"])
def test_an_experiment_is_stale_once_images_changed(
    change: str, experiment: Experiment, images: list[int], client: Client
) -> None:
    assert client.get(f"{URL}{experiment.pk}/").json()["stale"] is False
    if change == "added":
        stored_images(experiment.dataset, ["cats"])
    elif change == "removed":
        removal.remove_images([images[5]])
    else:
        Image.objects.filter(pk=images[5]).update(category="dogs")
    assert client.get(f"{URL}{experiment.pk}/").json()["stale"] is True
    assert client.get(URL).json()["results"][0]["stale"] is True


def test_the_list_asks_the_database_as_often_however_long_it_is(
    client: Client, django_assert_num_queries: Callable[..., Any]
) -> None:
    for number in range(3):
        dataset = Dataset.objects.create(slug=f"set{number}", name="A set")
        stored_images(dataset, ["a", "b"])
        for layer in ("block1", "block2", "top"):
            experiment_row(dataset, feature_spec(layer))
    with django_assert_num_queries(1):
        assert len(client.get(URL).json()["results"]) == 9
    with django_assert_num_queries(2):
        assert len(client.get(URL, {"dataset": "set1"}).json()["results"]) == 3


def test_the_detail_adds_categories_in_percent_and_the_confusion(
    experiment: Experiment, client: Client, django_assert_num_queries: Callable[..., Any]
) -> None:
    with django_assert_num_queries(1):
        answer = client.get(f"{URL}{experiment.pk}/").json()
    assert answer["categories"] == [
        {"name": "cats", "images": 2, "weighted_precision": 100.0, "precision": 50.0, "map": 25.0}
    ]
    assert answer["confusion"] == [{"category": "cats", "neighbours": [{"category": "cats", "count": 2}]}]
    assert answer["id"] == experiment.pk


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("?metric=hamming", 400),
        ("?pooling=median", 400),
        ("?dataset=nope", 404),
        ("?dataset=%00", 400),
        ("?cursor=rubbish", 404),
        ("999999/", 404),
        ("99999999999999999999999/", 404),
        ("-1/", 404),
        ("x/", 404),
        ("{}/neighbours/", 400),
        ("{}/neighbours/?image=x", 400),
        ("{}/neighbours/?image=999999", 404),
        ("{}/neighbours/?image=99999999999999999999999", 400),
        ("{}/neighbours/?image=1&k=0", 400),
        ("{}/neighbours/?image=1&k=-3", 400),
        ("{}/neighbours/?image=1&k=51", 400),
        ("{}/neighbours/?image=1&k=ten", 400),
        ("999999/neighbours/?image=1", 404),
        ("of-image/", 400),
        ("of-image/?image=-1", 400),
        ("of-image/?image=999999", 404),
        ("of-image/?image=1e3", 400),
    ],
)
def test_a_wrong_question_is_refused_in_words(
    address: str, status: int, experiment: Experiment, client: Client
) -> None:
    response = client.get(URL + address.format(experiment.pk))
    assert response.status_code == status
    assert set(response.json()["error"]) == {"code", "detail"}
    assert len(response.json()["error"]["detail"]) > 5


def test_staff_queues_a_job_for_each_network_and_others_may_not(
    dataset: Dataset, images: list[int], client: Client, staff_client: Client
) -> None:
    body = {"dataset": "mine", "models": ["efficientnet-lite0", "efficientnet-lite1"], "metrics": ["cosine"]}
    assert client.post(URL, json.dumps(body), content_type="application/json").status_code == 401
    response = staff_client.post(URL, json.dumps(body), content_type="application/json")
    assert response.status_code == 202
    assert [job["kind"] for job in response.json()["jobs"]] == ["experiment", "experiment"]
    stored = Job.objects.filter(kind=job_kinds.EXPERIMENT, dataset=dataset).order_by("pk")
    assert [job["id"] for job in response.json()["jobs"]] == [job.pk for job in stored]
    assert {job.parameters["model"] for job in stored} == set(body["models"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ([], 400),
        ({"dataset": "nope"}, 404),
        ({"dataset": "mine", "models": ["alexnet"]}, 404),
        ({"dataset": "mine", "models": "efficientnet-lite0"}, 400),
        ({"dataset": "mine", "models": [{}]}, 400),
        ({"dataset": "mine", "metrics": ["hamming"]}, 404),
        ({"dataset": "mine", "poolings": ["median"]}, 404),
        ({"dataset": "mine", "poolings": [""]}, 400),
        ({"dataset": ["mine"]}, 400),
    ],
)
def test_wrong_experiments_are_refused_in_words(
    body: Any, status: int, dataset: Dataset, staff_client: Client
) -> None:
    response = staff_client.post(URL, json.dumps(body), content_type="application/json")
    assert response.status_code == status
    assert len(response.json()["error"]["detail"]) > 10
    assert not Job.objects.exists()


def test_only_staff_promotes_and_only_cosine(
    experiment: Experiment, client: Client, staff_client: Client
) -> None:
    address = f"{URL}{experiment.pk}/promote/"
    assert client.post(address).status_code == 401
    response = staff_client.post(address)
    assert (response.status_code, response.json()["kind"]) == (202, "promote")
    assert Job.objects.get(pk=response.json()["id"]).dataset == experiment.dataset
    other = experiment_row(experiment.dataset, experiment.spec, "euclidean")
    refused = staff_client.post(f"{URL}{other.pk}/promote/")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "not_promotable")
    assert "cosine" in refused.json()["error"]["detail"]
    assert staff_client.post(f"{URL}999999/promote/").status_code == 404
    SearchIndex.objects.create(dataset=experiment.dataset, spec=experiment.spec, live=True)
    assert staff_client.post(address).status_code == 422
