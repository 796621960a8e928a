"""Explanations of hits: what the cells of both maps have in a score adds up to the score that is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gallery.models import Dataset, Image
from search.experiments import promotion
from search.features import feature_specs, kept_maps
from search.models import SearchIndex
from tests.conftest import import_folder, sample_files

pytestmark = pytest.mark.django_db(transaction=True)

EXPLANATION = "/api/v1/search/explanation/"
CLOSE = 1e-3


@pytest.fixture
def images(sample_dataset: Callable[..., Dataset]) -> list[Image]:
    """Return sixteen searchable images in four categories."""
    return list(sample_dataset(count=4).images.order_by("pk"))


def search(client: Client, /, **document: Any) -> Any:
    """POST a search, and return its answer in JSON."""
    return client.post("/api/v1/search/", json.dumps(document), content_type="application/json").json()


def explain(client: Client, **asked: Any) -> Any:
    """Return the explanation of a hit."""
    return client.get(EXPLANATION, asked).json()


def total(cells: list[list[float]]) -> float:
    """Return what the shares of a map add up to."""
    return float(np.sum(cells))


def expect_sums(answer: Any, *, cells: tuple[int, int] = (9, 9)) -> None:
    """Check that the cells of each hit, and those of its query, add up to its score."""
    assert answer["hits"]
    for hit in answer["hits"]:
        assert np.shape(hit["hit_cells"]) == np.shape(hit["query_cells"]) == cells
        assert total(hit["hit_cells"]) == pytest.approx(hit["score"], abs=CLOSE)
        assert total(hit["query_cells"]) == pytest.approx(hit["score"], abs=CLOSE)


def test_cells_add_up_to_the_score_of_every_hit_of_every_query(images: list[Image], client: Client) -> None:
    for query in images[::3]:
        expect_sums(search(client, like=[{"image": query.pk}], k=15, explain=True))
    steered = {"like": [{"image": images[0].pk}, {"image": images[5].pk, "weight": 3}]}
    expect_sums(search(client, **steered, unlike=[{"image": images[9].pk}], k=13, explain=True))
    expect_sums(search(client, **steered, where={"label": images[4].category}, explain=True))
    plain = search(client, like=[{"image": images[0].pk}])
    assert "hit_cells" not in plain["hits"][0]


def test_a_hit_is_explained_as_in_the_search_that_found_it(images: list[Image], client: Client) -> None:
    filtered = {"where": f"label:{images[4].category}", "dataset": "mine"}
    steered = {"like": f"{images[5].pk}", "unlike": f"{images[9].pk},{images[10].pk}"}
    document: dict[str, Any]
    for asked, document in (
        ({}, {}),
        (filtered, {"where": filtered["where"], "datasets": ["mine"]}),
        (steered, {"unlike": [{"image": images[9].pk}, {"image": images[10].pk}]}),
    ):
        further = [{"image": images[5].pk}] if "like" in asked else []
        found = search(client, like=[{"image": images[0].pk}, *further], explain=True, k=3, **document)
        for hit in found["hits"]:
            answer = explain(client, image=images[0].pk, hit=hit["image"], **asked)
            assert answer["score"] == pytest.approx(hit["score"], abs=1e-5)
            assert answer["centred"] is True
            for name in ("hit_cells", "query_cells"):
                assert np.allclose(answer[name], hit[name], atol=1e-5)
            assert abs(answer["difference"]) < 0.01


def test_the_query_that_ranked_is_explained_and_what_was_averaged_is_told(
    images: list[Image], client: Client
) -> None:
    first = search(client, like=[{"image": images[0].pk}], k=1)["hits"][0]
    answer = explain(client, image=images[0].pk, hit=first["image"])
    # the first hit is one of those that the query was averaged with
    assert answer["score"] == pytest.approx(first["score"], abs=1e-5)
    assert 0.05 < answer["elsewhere"] < answer["score"]
    steered = explain(client, image=images[0].pk, hit=images[3].pk, like=images[1].pk, unlike=images[8].pk)
    assert steered["elsewhere"] != 0
    assert total(steered["query_cells"]) == pytest.approx(steered["score"], abs=CLOSE)


def test_the_part_of_an_image_that_is_alike_has_most_of_the_score(
    images: list[Image], client: Client, tmp_path: Any
) -> None:
    from PIL import Image as Pillow

    composite = Pillow.new("RGB", (480, 240), "white")
    for left, image in ((0, images[0]), (240, images[4])):
        with image.file.open() as file, Pillow.open(file) as opened:
            composite.paste(opened.convert("RGB").resize((240, 240)), (left, 0))
    composite.save(tmp_path / "both.png")
    data = (tmp_path / "both.png").read_bytes()
    sent = client.post("/api/v1/uploads/", {"file": SimpleUploadedFile("both.png", data)}).json()
    for image, half in ((images[0], 0), (images[4], 1)):
        answer = explain(client, upload=sent["upload"], hit=image.pk)
        cells = np.array(answer["query_cells"])
        halves = cells[:, :4].sum(), cells[:, 5:].sum()
        assert int(np.argmax(halves)) == half
        # it is wider than high: background above and below makes it a square
        assert answer["query_square"][0] == 0
        assert answer["query_square"][1] <= 0


def test_several_datasets_show_the_uncentred_cosine_and_that_is_explained(
    images: list[Image], client: Client, sample_folder: Callable[..., Any]
) -> None:
    import_folder(
        Dataset.objects.create(slug="other", name="Other"), sample_folder("clipart200", count=2, categories=2)
    )
    found = search(client, like=[{"image": images[0].pk}], k=19, explain=True)
    assert {hit["dataset"] for hit in found["hits"]} == {"mine", "other"}
    expect_sums(found)
    answer = explain(client, image=images[0].pk, hit=found["hits"][0]["image"])
    assert (answer["centred"], answer["elsewhere"]) == (False, pytest.approx(0, abs=0.01))
    assert explain(client, image=images[0].pk, hit=found["hits"][0]["image"], dataset="mine")["centred"]


@pytest.mark.parametrize(
    ("layer", "pooling", "cells"),
    [
        ("top", "max", (7, 7)),
        ("stage4", "gem", (14, 14)),
        ("stem", "average", (32, 32)),
        ("top", "flatten", (7, 7)),
    ],
)
def test_other_layers_and_poolings_are_explained_as_well(
    images: list[Image], client: Client, layer: str, pooling: str, cells: tuple[int, int]
) -> None:
    promote(images[0].dataset, "efficientnet-lite0", layer, pooling)
    found = search(client, like=[{"image": images[0].pk}], k=5, explain=True)
    assert found["config"]["pooling"] == pooling
    expect_sums(found, cells=cells)


def promote(dataset: Dataset, model: str, layer: str, pooling: str) -> None:
    """Answer searches of a dataset with another configuration."""
    spec = feature_specs.experiment_spec(model, layer, pooling)
    promotion.promote_now(dataset, spec)


def test_features_that_are_of_no_map_are_not_explained_and_that_is_said(
    images: list[Image], client: Client
) -> None:
    promote(images[0].dataset, "colour-histogram", "histogram", "average")
    found = search(client, like=[{"image": images[0].pk}], k=2, explain=True)
    assert [(hit["hit_cells"], hit["query_cells"]) for hit in found["hits"]] == [(None, None)] * 2
    error = explain(client, image=images[0].pk, hit=images[1].pk)["error"]
    assert error["code"] == "no_map"
    assert "no place has a share" in error["detail"]


def test_a_vector_has_no_cells(images: list[Image], client: Client) -> None:
    found = search(client, like=[{"vector": [0.5] * 512}], datasets=["mine"], k=2, explain=True)
    assert found["hits"][0]["query_cells"] is None
    assert total(found["hits"][0]["hit_cells"]) == pytest.approx(found["hits"][0]["score"], abs=CLOSE)
    assert search(client, where={}, k=1, explain=True)["hits"][0]["hit_cells"] is None


def test_what_cannot_be_explained_is_refused(images: list[Image], client: Client) -> None:
    query, hit = images[0].pk, images[1].pk
    refused = search(client, like=[{"image": query}], k=51, explain=True)["error"]["detail"]
    assert "At most 50 hits" in refused
    batch = {"queries": [{"like": [{"image": query}], "explain": True}]}
    answer = client.post("/api/v1/search/batch/", json.dumps(batch), content_type="application/json")
    assert answer.status_code == 400
    other = Dataset.objects.create(slug="empty", name="Empty")
    refusals: tuple[tuple[dict[str, Any], int], ...] = (
        ({"image": query}, 400),
        ({"image": query, "upload": "x", "hit": hit}, 400),
        ({"image": query, "hit": hit, "like": "1,x"}, 400),
        ({"image": query, "hit": 10**9}, 404),
        ({"image": query, "hit": hit, "dataset": other.slug}, 409),
        ({"upload": "0-0-x", "hit": hit}, 404),
        ({"image": query, "hit": hit, "colour": "red"}, 400),
    )
    for asked, status in refusals:
        assert client.get(EXPLANATION, asked).status_code == status, asked


def test_a_map_is_made_once_while_there_is_room(images: list[Image], monkeypatch: pytest.MonkeyPatch) -> None:
    config = SearchIndex.objects.get(dataset=images[0].dataset).spec.config
    first = kept_maps.of_image(images[0], config)
    assert kept_maps.of_image(images[0], config) is first
    monkeypatch.setattr(kept_maps, "_kept", kept_maps._Kept(2 * first.values.nbytes))
    for image in images[:3]:
        kept_maps.of_image(image, config)
    found = [kept_maps._kept.get((image.pk, image.sha256, config)) for image in images[:3]]
    assert [one is None for one in found] == [True, False, False]


def test_an_image_and_the_same_pixels_have_the_same_map(images: list[Image]) -> None:
    config = SearchIndex.objects.get(dataset=images[0].dataset).spec.config
    from gallery.imaging import decoding
    from gallery.imaging.limits import image_limits
    from search.extractors.resizing import square

    (file,) = sample_files("objects200", images[0].category, 1)
    with decoding.held(file.read_bytes(), image_limits(), shortest_side=config.input_size) as (_, rgb):
        seen = square(rgb, config.input_size, config.resize)
    one, other = kept_maps.of_image(images[0], config), kept_maps.of_square(seen, config)
    assert np.array_equal(one.values, other.values)
    assert one.square == other.square
