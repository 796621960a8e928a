"""How well each image of an experiment found its like."""

from __future__ import annotations

import pytest
from django.test import Client

from gallery.ingest.removals import removal
from gallery.models import Dataset
from search.models import Experiment, ExperimentQuery
from tests.support.experiment_rows import experiment_row, feature_spec, query_row, stored_images

URL = "/api/v1/experiments/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def scored(dataset: Dataset) -> Experiment:
    """Return an experiment of seven images whose scores are 0 to 0.5, and one without a label."""
    row = experiment_row(dataset, feature_spec())
    ids = stored_images(dataset, [*["cats"] * 7, ""])
    scores = [0.2, 0.5, 0.0, 0.5, 0.1, 0.4, 0.3, None]
    ExperimentQuery.objects.bulk_create(
        query_row(row, pk, [ids[0]], [0.5], weighted_precision=score)
        for pk, score in zip(ids, scores, strict=True)
    )
    return row


def listed(client: Client, row: Experiment, **asked: int) -> list[tuple[int, float]]:
    """Return rank and score of each image that is listed."""
    images = client.get(f"{URL}{row.pk}/image-scores/", asked).json()["images"]
    return [(image["rank"], image["weighted_precision"]) for image in images]


def test_all_scores_are_listed_the_best_first_and_equals_by_id(scored: Experiment, client: Client) -> None:
    answer = client.get(f"{URL}{scored.pk}/image-scores/").json()
    first = min(image["id"] for image in answer["images"])
    assert [image["id"] - first for image in answer["images"]] == [1, 3, 5, 6, 0, 4, 2]
    assert [image["weighted_precision"] for image in answer["images"]] == [0.5, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0]
    assert (answer["experiment"], answer["total"]) == (scored.pk, 7)
    assert answer["images"][0]["label"] == "cats"


def test_of_many_some_are_chosen_evenly_with_the_best_and_the_worst(
    scored: Experiment, client: Client
) -> None:
    assert listed(client, scored, count=3) == [(1, 0.5), (4, 0.3), (7, 0.0)]
    assert listed(client, scored, count=1) == [(1, 0.5)]


def test_an_image_that_was_removed_is_not_listed(scored: Experiment, client: Client) -> None:
    best = client.get(f"{URL}{scored.pk}/image-scores/").json()["images"][0]["id"]
    removal.remove_images([best])
    left = client.get(f"{URL}{scored.pk}/image-scores/").json()["images"]
    assert len(left) == 6
    assert best not in [image["id"] for image in left]


def test_without_labels_nothing_is_listed(dataset: Dataset, client: Client) -> None:
    row = experiment_row(dataset, feature_spec())
    assert client.get(f"{URL}{row.pk}/image-scores/").json() == {
        "experiment": row.pk,
        "total": 0,
        "images": [],
    }


def test_an_unknown_experiment_and_a_foolish_count_are_refused(scored: Experiment, client: Client) -> None:
    assert client.get(f"{URL}999999/image-scores/").status_code == 404
    assert client.get(f"{URL}{scored.pk}/image-scores/", {"count": 0}).status_code == 400
    assert client.get(f"{URL}{scored.pk}/image-scores/", {"count": 501}).status_code == 400
