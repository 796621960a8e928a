"""Several layers in one pass: the engines, the vectors, and what each layer costs."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gallery.errors import NotFoundError, TooLargeError
from search.extractors import pooling
from search.extractors.engines import precision, timing
from search.extractors.engines.base import Engine
from search.extractors.engines.conversion import converted
from search.extractors.engines.loading import load_engine
from search.extractors.engines.precision import calibration_images, closeness, generated_images
from search.extractors.engines.timing import least_ms
from search.extractors.feature_extractor import FeatureExtractor, live_config
from search.extractors.multi_layer_extractor import MultiLayerExtractor
from search.extractors.networks.registry import get_network

LITE0 = get_network("efficientnet-lite0")
SIDE = 96
IMAGES = np.concatenate([generated_images(SIDE), generated_images(SIDE)[:, ::-1]])[:6]


@cache
def tensorflow_engine() -> Engine:
    return load_engine(LITE0, LITE0.layers, SIDE, kind="tensorflow", cache_dir=Path())


def engine(kind: str, cache_dir: Path) -> Engine:
    if kind == "tensorflow":
        return tensorflow_engine()
    return load_engine(LITE0, LITE0.layers, SIDE, kind=kind, cache_dir=cache_dir)


@cache
def maps_of_keras() -> list[Any]:
    return [np.asarray(one) for one in LITE0.builder(LITE0.layers)(IMAGES.astype(np.float32))]


def multi_layer_extractor(how: str, layers: tuple[str, ...], cache_dir: Path) -> MultiLayerExtractor:
    return MultiLayerExtractor(LITE0.name, layers, pooling=how, input_size=SIDE, cache_dir=cache_dir)


@pytest.mark.parametrize("kind", ["openvino", "tensorflow"])
def test_all_eight_maps_of_one_pass_are_those_of_keras(kind: str, exact: None, cache_dir: Path) -> None:
    maps = engine(kind, cache_dir).run(IMAGES)
    for layer, one, other in zip(LITE0.layers, maps, maps_of_keras(), strict=True):
        assert one.shape == (6, *LITE0.map_shape(layer, SIDE))
        np.testing.assert_allclose(one.mean(axis=(1, 2)), other.mean(axis=(1, 2)), atol=1e-3)


def test_maps_in_bf16_are_close_where_that_is_chosen(
    cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "IMAGES_OF_EACH", 16)
    images = calibration_images(SIDE)
    expected = engine("tensorflow", cache_dir).run(images)
    assert closeness(expected, engine("openvino", cache_dir).run(images)).enough


def test_layers_come_in_the_order_asked(cache_dir: Path) -> None:
    backwards = load_engine(LITE0, ("top", "stem"), SIDE, kind="openvino", cache_dir=cache_dir)
    top, stem = backwards.run(IMAGES[:1])
    assert top.shape[1:] == LITE0.map_shape("top", SIDE)
    assert stem.shape[1:] == LITE0.map_shape("stem", SIDE)


def test_one_layer_and_several_are_converted_apart(cache_dir: Path) -> None:
    several = converted(LITE0, LITE0.layers, SIDE, cache_dir).parent.name
    assert several.startswith(f"efficientnet-lite0-{LITE0.weights_digest[:16]}-taps-")
    assert several != converted(LITE0, ("top", "stem"), SIDE, cache_dir).parent.name


@pytest.mark.parametrize("how", ["average", "pyramid"])
def test_pooled_layers_are_the_pooled_maps(how: str, cache_dir: Path) -> None:
    extractor = multi_layer_extractor(how, LITE0.layers, cache_dir)
    vectors = extractor.extract(IMAGES)
    for one, maps, dims in zip(vectors, extractor.maps(IMAGES), extractor.dims, strict=True):
        assert one.shape == (6, dims)
        assert one.flags.c_contiguous
        np.testing.assert_allclose(one, pooling.pooling(how)(maps), atol=1e-4)


def test_a_layer_has_the_vectors_of_its_own_extractor(cache_dir: Path) -> None:
    config = live_config(model=LITE0.name, layer="top", pooling="average", pca_name="", input_size=SIDE)
    alone = FeatureExtractor(config, cache_dir=cache_dir, engine="tensorflow")
    together = MultiLayerExtractor(
        LITE0.name, LITE0.layers, pooling="average", input_size=SIDE, cache_dir=cache_dir, engine="tensorflow"
    )
    rgb = generated_images(120)[1, :80]
    np.testing.assert_array_equal(alone.prepare(rgb), together.prepare(rgb))
    np.testing.assert_allclose(alone.extract(IMAGES), together.extract(IMAGES)[-1], atol=1e-4)


@pytest.mark.parametrize("kind", ["openvino", "tensorflow"])
def test_the_cost_of_every_layer_is_measured(kind: str, cache_dir: Path) -> None:
    extractor = MultiLayerExtractor(
        LITE0.name, ("top", "stem"), pooling="average", input_size=SIDE, cache_dir=cache_dir, engine=kind
    )
    costs = extractor.costs_ms()
    assert len(costs) == 2
    assert min(costs) > 0


def test_calls_are_timed_in_turns_and_the_first_round_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timing, "ROUNDS", 7)
    calls: list[str] = []
    medians = least_ms([lambda: calls.append("a"), lambda: calls.append("b")])
    assert "".join(calls) == "ab" * 8
    assert len(medians) == 2


def test_a_map_too_large_to_flatten_is_refused_with_its_size(cache_dir: Path) -> None:
    assert pooling.pooled_dims("flatten", (8, 8, 2048)) == pooling.MAX_FLATTEN_DIMS
    with pytest.raises(TooLargeError, match=r"112 x 112 x 32 has 401,408 values; at most 131,072"):
        live_config(model=LITE0.name, layer="stem", pooling="flatten", pca_name="")
    with pytest.raises(TooLargeError):
        MultiLayerExtractor(LITE0.name, LITE0.layers, pooling="flatten", cache_dir=cache_dir)


def test_an_unknown_layer_among_several_is_not_found(cache_dir: Path) -> None:
    with pytest.raises(NotFoundError, match="bottom"):
        multi_layer_extractor("average", ("top", "bottom"), cache_dir)
