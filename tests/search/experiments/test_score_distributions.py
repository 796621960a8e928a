"""How the scores of all images are distributed with each layer of a network."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from gallery.ingest.removals import removal
from gallery.models import Dataset
from search.models import Experiment, ExperimentQuery
from tests.support.experiment_rows import experiment_row, feature_spec, query_row, stored_images

URL = "/api/v1/experiments/score-distributions/"
ASKED = {"dataset": "mine", "model": "efficientnet-lite0", "pooling": "average", "metric": "cosine"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def images(dataset: Dataset) -> list[int]:
    """Return four labelled images and one without a label."""
    return stored_images(dataset, [*["cats"] * 4, ""])


def scored(
    dataset: Dataset, images: list[int], layer: str, scores: list[float | None], **values: Any
) -> Experiment:
    """Return an experiment in which the images have these scores."""
    row = experiment_row(dataset, feature_spec(layer), **values)
    ExperimentQuery.objects.bulk_create(
        query_row(row, pk, [images[0]], [0.5], weighted_precision=score)
        for pk, score in zip(images, scores, strict=True)
    )
    return row


def layers(client: Client, **changes: str) -> list[dict[str, Any]]:
    """Return what is answered of each layer."""
    found: list[dict[str, Any]] = client.get(URL, ASKED | changes).json()["layers"]
    return found


def test_every_layer_has_its_scores_counted_with_mean_and_median_the_first_layer_first(
    dataset: Dataset, images: list[int], client: Client
) -> None:
    top = scored(dataset, images, "top", [1.0, 0.5, 1.0, 0.0, None])
    stem = scored(dataset, images, "stem", [0.1, 0.2, 0.4, 0.1, None])
    assert client.get(URL, ASKED).json() == ASKED | {
        "layers": [
            {
                "experiment": stem.pk,
                "layer": "stem",
                "images": 4,
                "mean": 20.0,
                "median": 15.0,
                "scores": [[0.1, 2], [0.2, 1], [0.4, 1]],
            },
            {
                "experiment": top.pk,
                "layer": "top",
                "images": 4,
                "mean": 62.5,
                "median": 75.0,
                "scores": [[0.0, 1], [0.5, 1], [1.0, 2]],
            },
        ]
    }


def test_scores_that_differ_by_rounding_only_are_one(
    dataset: Dataset, images: list[int], client: Client
) -> None:
    scored(dataset, images, "top", [0.3, 0.1 + 0.2, 0.7, 0.7, None])
    assert layers(client)[0]["scores"] == [[0.3, 2], [0.7, 2]]


def test_other_networks_poolings_and_metrics_are_not_among_them(
    dataset: Dataset, images: list[int], client: Client
) -> None:
    scored(dataset, images, "top", [0.5, 0.5, 0.5, 0.5, None])
    far = scored(dataset, images, "stem", [0.1, 0.1, 0.1, 0.1, None], metric="euclidean")
    assert [row["layer"] for row in layers(client)] == ["top"]
    assert [row["experiment"] for row in layers(client, metric="euclidean")] == [far.pk]
    assert layers(client, pooling="max") == []
    assert layers(client, model="nothing-like-it") == []


def test_an_image_that_was_removed_is_not_counted(
    dataset: Dataset, images: list[int], client: Client
) -> None:
    scored(dataset, images, "top", [1.0, 0.5, 0.5, 0.2, None])
    removal.remove_images(images[:1])
    [row] = layers(client)
    assert (row["images"], row["mean"], row["median"]) == (3, 40.0, 50.0)


def test_without_labels_there_is_no_mean_and_no_median(
    dataset: Dataset, images: list[int], client: Client
) -> None:
    scored(dataset, images, "top", [None] * 5)
    [row] = layers(client)
    assert (row["images"], row["mean"], row["median"], row["scores"]) == (0, None, None, [])


def test_all_layers_together_take_three_queries(
    dataset: Dataset, images: list[int], client: Client, django_assert_num_queries: Any
) -> None:
    for number in range(2, 8):
        scored(dataset, images, f"stage{number}", [0.5, 0.4, 0.3, 0.2, None])
    with django_assert_num_queries(3):
        assert len(layers(client)) == 6


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"dataset": ""}, 400),
        ({"dataset": "nope"}, 404),
        ({"model": ""}, 400),
        ({"metric": "hamming"}, 400),
        ({"metric": ""}, 400),
        ({"pooling": "median"}, 400),
        ({"layer": "top"}, 400),
    ],
)
def test_a_wrong_question_is_refused(
    changes: dict[str, str], status: int, dataset: Dataset, client: Client
) -> None:
    response = client.get(URL, ASKED | changes)
    assert response.status_code == status
    assert response.json()["error"]["detail"]
