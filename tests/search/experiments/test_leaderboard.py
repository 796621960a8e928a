"""The leaderboard: order, ties, the Pareto front, what is live, and the same as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.test import Client

from gallery.models import Dataset
from search.experiments.leaderboard import COLUMNS, pareto
from search.models import Experiment, SearchIndex
from tests.support.experiment_rows import experiment_row, feature_spec, stored_images

URL = "/api/v1/experiments/leaderboard/"


def beaten(figure: tuple[float, float], others: list[tuple[float, float]]) -> bool:
    """Whether another pair of score and cost is as good for less, or better for no more: the definition."""
    score, cost = figure
    return any(
        other >= score and price <= cost and (other > score or price < cost) for other, price in others
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_pareto_front_is_what_its_definition_says(seed: int) -> None:
    randomness = np.random.default_rng(seed)
    # few different values, so that both figures are often equal
    figures = [(float(score), float(cost)) for score, cost in randomness.integers(0, 8, (60, 2))]
    assert pareto(figures) == [not beaten(figure, figures) for figure in figures]


def test_what_lacks_a_figure_is_not_on_the_front_and_keeps_nobody_off_it() -> None:
    assert pareto([(90.0, None), (None, 1.0), (50.0, 5.0), (None, None)]) == [False, False, True, False]
    assert pareto([]) == []


@pytest.fixture
def measured(dataset: Dataset) -> list[Experiment]:
    """Return four experiments: good, good and dear, cheap, and one with another metric."""
    stored_images(dataset, ["a", "a", "b", "b"])
    good: dict[str, Any] = {"weighted_precision": 0.9, "precision": 0.8, "average_precision": 0.7}
    return [
        experiment_row(dataset, feature_spec("block1", dims=16), **good, extract_ms=8.0),
        experiment_row(dataset, feature_spec("top"), **good, extract_ms=5.0),
        experiment_row(
            dataset,
            feature_spec("histogram", model="colour-histogram", pooling="max", dims=512),
            weighted_precision=0.4,
            precision=0.95,
            average_precision=0.3,
            extract_ms=1.0,
        ),
        experiment_row(
            dataset,
            feature_spec("top"),
            "euclidean",
            weighted_precision=0.3,
            precision=0.2,
            average_precision=0.1,
            extract_ms=5.0,
        ),
    ]


@pytest.mark.django_db
def test_the_best_comes_first_and_equal_scores_share_a_rank(
    measured: list[Experiment], client: Client
) -> None:
    SearchIndex.objects.create(dataset=measured[1].dataset, spec=measured[1].spec, live=True)
    answer = client.get(URL, {"dataset": "mine"}).json()
    rows = answer.pop("rows")
    assert answer == {"dataset": "mine", "metric": None, "pooling": None, "score": "weighted_precision"}
    assert [row["experiment"] for row in rows] == [measured[place].pk for place in (1, 0, 2, 3)]
    assert [row["rank"] for row in rows] == [1, 1, 3, 4]
    assert [row["pareto"] for row in rows] == [True, False, True, False]
    # the same features ranked by another metric are not what live search does
    assert [row["live"] for row in rows] == [True, False, False, False]
    assert rows[0] == {
        "rank": 1,
        "experiment": measured[1].pk,
        "model": "efficientnet-lite0",
        "title": "EfficientNet-Lite0",
        "layer": "top",
        "layer_position": 8,
        "pooling": "average",
        "metric": "cosine",
        "weighted_precision": 90.0,
        "precision": 80.0,
        "map": 70.0,
        "dims": 1280,
        "bytes_per_vector": 2560,
        "extract_ms": 5.0,
        "pareto": True,
        "live": True,
        "tuned": False,
    }


@pytest.mark.django_db
def test_another_score_metric_or_pooling_makes_another_order(
    measured: list[Experiment], client: Client
) -> None:
    def order(**wanted: str) -> list[int]:
        return [row["experiment"] for row in client.get(URL, {"dataset": "mine"} | wanted).json()["rows"]]

    good_and_dear, good, cheap, other = (experiment.pk for experiment in measured)
    assert order(score="precision") == [cheap, good, good_and_dear, other]
    assert order(metric="euclidean") == [other]
    assert order(metric="cosine", pooling="average") == [good, good_and_dear]
    assert order(pooling="flatten") == []


@pytest.mark.django_db
def test_the_leaderboard_takes_three_queries(
    measured: list[Experiment], client: Client, django_assert_num_queries: Callable[..., Any]
) -> None:
    with django_assert_num_queries(3):
        client.get(URL, {"dataset": "mine"})


@pytest.mark.django_db
def test_an_unlabelled_dataset_has_sizes_and_times_but_no_ranks(dataset: Dataset, client: Client) -> None:
    stored_images(dataset, ["", ""])
    experiment_row(dataset, feature_spec("top"), extract_ms=5.0)
    experiment_row(dataset, feature_spec("block1"), extract_ms=2.0)
    experiment_row(dataset, feature_spec("gone", model="gone"), "cosine")
    rows = client.get(URL, {"dataset": "mine"}).json()["rows"]
    assert [row["layer"] for row in rows] == ["block1", "top", "gone"]
    assert [row["extract_ms"] for row in rows] == [2.0, 5.0, None]
    assert {row["rank"] for row in rows} == {None}
    assert {row["pareto"] for row in rows} == {False}
    assert (rows[2]["title"], rows[2]["layer_position"]) == ("gone", None)


def as_cell(value: Any) -> str:
    """Return a value of JSON as a cell holds it."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.django_db
def test_csv_has_the_same_columns_and_figures(measured: list[Experiment], client: Client) -> None:
    rows = client.get(URL, {"dataset": "mine"}).json()["rows"]
    response = client.get(URL, {"dataset": "mine", "format": "csv"})
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="leaderboard-mine.csv"'
    read = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert [list(row) for row in read] == [list(row) for row in rows]
    for in_csv, in_json in zip(read, rows, strict=True):
        assert in_csv == {name: as_cell(value) for name, value in in_json.items()}


@pytest.mark.django_db
def test_csv_of_nothing_has_its_header_and_names_are_no_formulas(dataset: Dataset, client: Client) -> None:
    address = {"dataset": "mine", "format": "csv"}
    assert client.get(URL, address).content.decode().splitlines() == [",".join(COLUMNS)]
    experiment_row(dataset, feature_spec("=1+1", model="mine"))
    (row,) = csv.DictReader(io.StringIO(client.get(URL, address).content.decode()))
    assert (row["layer"], row["rank"], row["map"], row["live"]) == ("'=1+1", "", "", "false")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({}, 400),
        ({"dataset": ""}, 400),
        ({"dataset": "nope"}, 404),
        ({"dataset": "nope", "format": "csv"}, 404),
        ({"dataset": "mine", "score": "beauty"}, 400),
        ({"dataset": "mine", "metric": "hamming", "format": "csv"}, 400),
        ({"dataset": "mine", "pooling": "median"}, 400),
        ({"dataset": "mine", "format": "xml"}, 404),
    ],
)
def test_a_wrong_leaderboard_is_refused_in_words(
    wanted: dict[str, str], status: int, dataset: Dataset, client: Client
) -> None:
    response = client.get(URL, wanted)
    assert response.status_code == status
    assert response["Content-Type"] == "application/json"
    assert len(response.json()["error"]["detail"]) > 5
