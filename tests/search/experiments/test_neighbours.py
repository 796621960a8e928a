"""What a picture found: in one experiment with marks, in all of them at once, and after deletions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.test import Client

from gallery.browse.image_summaries import ImageSummary
from gallery.ingest.removals import removal
from gallery.models import Dataset, Image
from search.experiments import queries as experiment_queries
from search.experiments.answers import ImageResultAnswer
from search.models import Experiment, ExperimentQuery
from tests.support.experiment_rows import experiment_row, feature_spec, query_row, stored_images

pytestmark = pytest.mark.django_db

URL = "/api/v1/experiments/"


def test_neighbours_come_nearest_first_with_marks(
    experiment: Experiment,
    images: list[int],
    client: Client,
    django_assert_num_queries: Callable[..., Any],
) -> None:
    with django_assert_num_queries(2):
        answer = client.get(f"{URL}{experiment.pk}/neighbours/", {"image": images[0], "k": 4}).json()
    assert answer["experiment"] == experiment.pk
    assert answer["image"]["id"] == images[0]
    assert (answer["weighted_precision"], answer["precision"], answer["average_precision"]) == (0.75, 0.5, 1)
    found = answer["neighbours"]
    assert [row["id"] for row in found] == images[1:5]
    assert [row["rank"] for row in found] == [1, 2, 3, 4]
    assert [row["score"] for row in found] == [0.987654, 0.5, 0.5, 0.25]
    assert [row["relevant"] for row in found] == [True, False, False, None]
    assert found[0] | {"rank": 0, "score": 0, "relevant": 0} == {
        "id": images[1],
        "label": "cats",
        "filename": f"{images[1]}.png",
        "thumbnail": f"/media/{Image.objects.get(pk=images[1]).thumbnail.name}",
        "shown_url": f"/media/{Image.objects.get(pk=images[1]).file.name}",
        "url": f"/media/{Image.objects.get(pk=images[1]).file.name}",
        "page_url": f"/datasets/mine/images/{images[1]}/",
        "width": 64,
        "height": 48,
        "rank": 0,
        "score": 0,
        "relevant": 0,
    }


def test_an_unlabelled_image_has_neighbours_without_marks(
    experiment: Experiment, images: list[int], client: Client
) -> None:
    answer = client.get(f"{URL}{experiment.pk}/neighbours/", {"image": images[4]}).json()
    assert [row["relevant"] for row in answer["neighbours"]] == [None] * 4
    assert answer["weighted_precision"] is answer["precision"] is answer["average_precision"] is None


def test_deleted_neighbours_are_passed_over_and_the_next_take_their_places(
    experiment: Experiment, images: list[int], client: Client
) -> None:
    removal.remove_images([images[1], images[3]])
    answer = client.get(f"{URL}{experiment.pk}/neighbours/", {"image": images[0], "k": 3}).json()
    assert [row["id"] for row in answer["neighbours"]] == [images[2], images[4], images[5]]
    assert [row["rank"] for row in answer["neighbours"]] == [1, 2, 3]
    assert [row["score"] for row in answer["neighbours"]] == [0.5, 0.25, 1e-7]
    whole = client.get(f"{URL}of-image/", {"image": images[0]}).json()
    assert whole["results"][0]["neighbours"] == [[images[2], 0.5], [images[4], 0.25], [images[5], 1e-7]]
    assert set(whole["pictures"]) == {str(images[place]) for place in (2, 4, 5)}


def many_experiments(dataset: Dataset, count: int = 48, images: int = 200) -> list[int]:
    """Fill a dataset with experiments of random neighbours; returns the ids of its images."""
    ids = stored_images(dataset, [f"c{number % 10}" for number in range(images)])
    randomness = np.random.default_rng(5)
    rows = []
    for number in range(count):
        metric = ("cosine", "euclidean")[number % 2]
        experiment = experiment_row(dataset, feature_spec(f"layer{number // 2}"), metric)
        for image_id in (ids[0], ids[1]):
            others = randomness.permutation([pk for pk in ids if pk != image_id])[:50]
            scores = np.sort(randomness.uniform(-20, 1, 50))[::-1]
            rows.append(query_row(experiment, image_id, others.tolist(), scores.tolist(), precision=0.5))
    ExperimentQuery.objects.bulk_create(rows)
    return ids


def test_all_experiments_of_an_image_come_in_two_queries_and_agree_with_each_alone(
    dataset: Dataset, client: Client, django_assert_num_queries: Callable[..., Any]
) -> None:
    ids = many_experiments(dataset)
    with django_assert_num_queries(2):
        answer = client.get(f"{URL}of-image/", {"image": ids[1]}).json()
    assert answer["image"]["id"] == ids[1]
    assert [row["experiment"] for row in answer["results"]] == list(
        Experiment.objects.order_by("pk").values_list("pk", flat=True)
    )
    for row in answer["results"][::9]:
        alone = client.get(f"{URL}{row['experiment']}/neighbours/", {"image": ids[1], "k": 50}).json()
        assert row["neighbours"] == [[found["id"], found["score"]] for found in alone["neighbours"]]
        assert len(row["neighbours"]) == 50
        for found in alone["neighbours"]:
            assert answer["pictures"][str(found["id"])].items() <= found.items()
    assert set(answer["results"][0]) == set(ImageResultAnswer.__annotations__)
    assert set(answer["image"]) == set(ImageSummary.__annotations__)


def test_all_experiments_of_an_image_come_within_thirty_milliseconds(
    dataset: Dataset, client: Client
) -> None:
    ids = many_experiments(dataset)

    def spent_ms() -> float:
        # processor time: what else the machine does is no matter
        began = time.thread_time()
        client.get(f"{URL}of-image/", {"image": ids[0]})
        return (time.thread_time() - began) * 1000

    assert min(spent_ms() for _ in range(10)) < 30


def test_an_image_without_experiments_has_no_results(
    dataset: Dataset, images: list[int], client: Client
) -> None:
    answer = client.get(f"{URL}of-image/", {"image": images[0]}).json()
    assert (answer["image"]["id"], answer["pictures"], answer["results"]) == (images[0], {}, [])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, 0.0),
        (0.123456789, 0.123457),
        (-12.3456789, -12.3457),
        (1234567.0, 1234570.0),
        (1e-7, 1e-7),
        (-98765.4321, -98765.4),
        (3e-30, 0.0),
        (2.5e9, 2.5e9),
    ],
)
def test_scores_have_six_significant_digits(value: float, shown: float) -> None:
    assert experiment_queries.rounded(np.array([value], dtype=np.float32)).tolist() == pytest.approx(
        [shown], rel=1e-15
    )


def test_an_image_that_was_no_part_of_an_experiment_is_told_so(
    experiment: Experiment, images: list[int], client: Client
) -> None:
    response = client.get(f"{URL}{experiment.pk}/neighbours/", {"image": images[1]})
    assert response.status_code == 404
    assert "not part of experiment" in response.json()["error"]["detail"]
