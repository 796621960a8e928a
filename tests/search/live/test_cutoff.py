"""How likely hits are of the query's category: right, counted below a cut-off, and null where unknown."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from gallery.models import Dataset, Image
from search.index import calibration_fit
from search.index.calibration import Calibration
from search.indexing import builds, calibrations
from search.models import Embedding, FeatureSpec, ScoreCalibration, SearchIndex
from tests.support.snapshots import restored

pytestmark = pytest.mark.django_db(transaction=True)

CATEGORIES, EACH, DIMS = 10, 40, 16
K = 50


def made(slug: str, seed: int, *, labelled: bool = True) -> SearchIndex:
    """Return the index of 400 images in ten categories that overlap."""
    dataset = Dataset.objects.create(slug=slug, name=slug)
    spec, _ = FeatureSpec.objects.get_or_create(
        fingerprint="x", model="m", layer="l", pooling="p", input_size=1, resize="r", weights_digest="w",
        dims=DIMS,
    )  # fmt: skip
    random = np.random.default_rng(seed)
    middles = random.normal(size=(CATEGORIES, DIMS))
    numbers = np.arange(CATEGORIES * EACH) % CATEGORIES
    images = Image.objects.bulk_create(
        Image(
            dataset=dataset, sha256=f"{slug}{place}", filename=f"{place}.png", width=10, height=10,
            size_bytes=1, format="PNG", file=f"{slug}/{place}.png", thumbnail=f"{slug}/{place}.jpg",
            category=f"c{number}" if labelled else "",
        )
        for place, number in enumerate(numbers)
    )  # fmt: skip
    vectors = (middles[numbers] + random.normal(size=(len(numbers), DIMS))).astype("<f2")
    Embedding.objects.bulk_create(
        Embedding(image=image, spec=spec, dataset=dataset, vector=vector.tobytes())
        for image, vector in zip(images, vectors, strict=True)
    )
    return SearchIndex.objects.create(dataset=dataset, spec=spec, live=True)


@pytest.fixture
def index(db: None) -> SearchIndex:
    """Return an index whose scores are calibrated."""
    restored("calibrated", lambda: calibrations.fit(made("mine", 1)))
    return SearchIndex.objects.select_related("dataset", "spec").get()


def search(client: Client, /, **document: Any) -> Any:
    """POST a query document, and return its answer in JSON."""
    document = {"datasets": ["mine"], "k": K} | document
    return client.post("/api/v1/search/", json.dumps(document), content_type="application/json").json()


def images() -> list[Image]:
    """Return the images of the dataset."""
    return list(Image.objects.filter(dataset__slug="mine").order_by("pk"))


def test_probabilities_come_true_and_of_one_label_fall_with_the_rank(
    index: SearchIndex, client: Client
) -> None:
    probabilities, same = [], []
    for image in images()[:60]:
        answer = search(client, like=[{"image": image.pk}])
        own = [hit["probability"] for hit in answer["hits"]]
        for label in {hit["label"] for hit in answer["hits"]}:
            # from the eleventh on: of the first ones each agrees with the others
            later = [hit["probability"] for hit in answer["hits"][10:] if hit["label"] == label]
            assert later == sorted(later, reverse=True)
        assert all(0 <= hit["percentile"] <= 1 for hit in answer["hits"])
        probabilities += own
        same += [hit["label"] == image.category for hit in answer["hits"]]
    assert calibration_fit.calibration_error(np.array(probabilities), np.array(same)) < 0.05
    (asked,) = answer["indexes"]
    assert asked["probability_unknown"] is None
    assert asked["calibration"]["queries"] == CATEGORIES * EACH
    assert asked["calibration"]["error"] < 0.05


@pytest.mark.parametrize("cutoff", [0.5, {"at": 0.5}, {"mode": "percentile", "at": 0.97}])
def test_what_is_below_a_cutoff_is_counted_and_not_dropped(
    index: SearchIndex, client: Client, cutoff: Any
) -> None:
    like = [{"image": images()[0].pk}]
    plain = search(client, like=like)
    assert plain["below_cutoff"] is None
    found = search(client, like=like, cutoff=cutoff)
    assert found["hits"] == plain["hits"]
    asked = cutoff if isinstance(cutoff, dict) else {"at": cutoff}
    mode = asked.get("mode", "probability")
    assert found["below_cutoff"] == sum(hit[mode] < asked["at"] for hit in found["hits"])
    assert 0 < found["below_cutoff"] < K
    assert search(client, like=like, cutoff={**asked, "at": 0})["below_cutoff"] == 0


@pytest.mark.parametrize(
    "cutoff",
    [
        2,
        -0.1,
        True,
        "much",
        "0.5",
        "NaN",
        [0.5],
        {},
        {"at": 2},
        {"at": True},
        {"at": "0.5"},
        {"mode": "score", "at": 0.5},
        {"at": 0.5, "above": 1},
    ],
)
def test_a_cutoff_that_is_none_is_refused(db: None, client: Client, cutoff: Any) -> None:
    error = search(client, like=[{"image": 1}], datasets=[], cutoff=cutoff)["error"]
    assert (error["code"], "cutoff" in error["detail"]) == ("invalid", True)


def test_other_scores_than_those_that_were_calibrated_mean_nothing(
    index: SearchIndex, client: Client
) -> None:
    first, second, third = ({"image": image.pk} for image in images()[:3])
    for document, why in (
        ({"like": [first, second]}, "steered"),
        ({"like": [first], "unlike": [third]}, "steered"),
        ({"like": [first], "where": "label:c1"}, "filtered"),
    ):
        answer = search(client, **document, cutoff={"at": 0.5})
        (asked,) = answer["indexes"]
        assert (asked["probability_unknown"], asked["calibration"]) == (why, None)
        assert {(hit["probability"], hit["percentile"]) for hit in answer["hits"]} == {(None, None)}
        assert answer["below_cutoff"] is None
    ScoreCalibration.objects.all().delete()
    SearchIndex.objects.update(revision=1000)
    assert search(client, like=[first])["indexes"][0]["probability_unknown"] == "unfitted"


def test_without_labels_there_is_a_percentile_alone_the_same_each_time(db: None, client: Client) -> None:
    index = made("mine", 1, labelled=False)
    first = calibrations.fit(index).values
    answer = search(client, like=[{"image": images()[0].pk}])
    assert answer["indexes"][0]["probability_unknown"] == "unlabelled"
    assert {hit["probability"] for hit in answer["hits"]} == {None}
    percentiles = [hit["percentile"] for hit in answer["hits"]]
    assert percentiles == sorted(percentiles, reverse=True)
    assert percentiles[0] > 0.95
    assert calibrations.fit(index).values == first
    # labels have no part in it
    Image.objects.update(category="c")
    assert calibrations.fit(index).values["pair_scores"] == first["pair_scores"]


def test_of_several_datasets_each_hit_means_what_its_own_says(index: SearchIndex, client: Client) -> None:
    calibrations.fit(made("other", 2, labelled=False))
    like = [{"image": images()[0].pk}]
    alone = {hit["image"]: hit for hit in search(client, like=like)["hits"]}
    both = search(client, like=like, datasets=["mine", "other"], k=100)
    assert [one["probability_unknown"] for one in both["indexes"]] == [None, "unlabelled"]
    known = [hit for hit in both["hits"] if hit["image"] in alone]
    assert known
    for hit in known:
        assert hit["probability"] == alone[hit["image"]]["probability"]
    assert {hit["probability"] for hit in both["hits"] if hit["dataset"] == "other"} == {None}


def test_few_labels_among_many_images_are_enough(db: None, client: Client) -> None:
    index = made("mine", 1)
    kept = [image.pk for image in images()[::4]]
    Image.objects.exclude(pk__in=kept).update(category="")
    values = calibrations.fit(index).values
    assert (values["unknown"], values["queries"]) == (None, 100)
    found = Calibration.of_values(values)
    asked = np.array([[0.0, 0.9, 0, 0.0], [0.9, 0.9, 0, 1.0]])
    for labelled in (True, False):
        probabilities = found.probabilities(asked, np.full(2, labelled))
        assert probabilities is not None
        assert probabilities[0] < 0.5 < 0.6 < probabilities[1]


def test_the_nearest_to_what_is_like_no_category_is_less_likely_than_the_nearest_to_an_image(
    index: SearchIndex, client: Client
) -> None:
    noise = np.random.default_rng(9).normal(size=(20, DIMS)).tolist()
    first = [search(client, like=[one])["hits"][0]["probability"] for one in (
        *({"vector": vector} for vector in noise), *({"image": image.pk} for image in images()[:20])
    )]  # fmt: skip
    assert np.mean(first[:20]) < 0.5
    assert np.mean(first[20:]) > 0.7


def test_a_short_page_says_the_same_of_its_hits_as_a_long_one(index: SearchIndex, client: Client) -> None:
    like = [{"image": images()[0].pk}]
    long, short = (search(client, like=like, k=k)["hits"] for k in (50, 3))
    assert [hit["probability"] for hit in short] == [hit["probability"] for hit in long[:3]]
    second = search(client, like=like, k=3, cursor="3")["hits"]
    assert [hit["probability"] for hit in second] == [hit["probability"] for hit in long[3:6]]


def test_it_is_fitted_anew_when_generation_labels_or_vectors_change(index: SearchIndex) -> None:
    assert calibrations.fit_when_due(index) is None
    row = ScoreCalibration.objects.get(index=index)
    older = {key: value for key, value in row.values.items() if key not in ("curve", "unlabelled")}
    ScoreCalibration.objects.filter(pk=row.pk).update(values=older | {"scores": [], "probabilities": []})
    assert calibrations.fit_when_due(index) is not None
    Image.objects.filter(pk__in=[image.pk for image in images()[:50]]).update(category="")
    assert calibrations.fit_when_due(index) is None
    Image.objects.filter(pk__in=[image.pk for image in images()[:90]]).update(category="")
    fitted = calibrations.fit_when_due(index)
    assert fitted is not None
    assert fitted.values["queries"] == 310
    assert fitted.generation == ""
    build = builds.rebuild(index)
    row = ScoreCalibration.objects.get(index=index)
    assert build.generation.startswith(row.generation)
    assert row.generation
    assert calibrations.fit_when_due(index) is None
    Embedding.objects.filter(image__in=images()[:100]).delete()
    assert calibrations.fit_when_due(index) is not None


def test_the_command_refuses_what_is_no_cutoff(db: None) -> None:
    for wrong in ("much", "1.5", "score:0.5"):
        with pytest.raises(CommandError, match="cutoff"):
            call_command("search_images", "--where", "width>1", "--cutoff", wrong)
