"""Networks in ONNX files: what the JSON beside one says, their layers and maps, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gallery.errors import WeightsError
from search.extractors.engines.precision import generated_images
from search.extractors.feature_extractor import FeatureExtractor, live_config
from search.extractors.multi_layer_extractor import MultiLayerExtractor
from search.extractors.networks import registry
from search.extractors.networks.added import extra_networks
from search.extractors.networks.added.extra_networks import extra_network
from search.extractors.networks.added.inspect_onnx import examine

pytestmark = pytest.mark.usefixtures("exact")

SIDE = 16
TORCH: dict[str, Any] = {
    "input_size": SIDE,
    "scale": 1 / 255,
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
    "resize": "squash",
}


@pytest.fixture(autouse=True)
def no_others() -> Iterator[None]:
    yield
    registry.install((), Path())


def weights(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(sum(shape)).normal(0, 0.3, shape).astype(np.float32)


def onnx_model(
    path: Path, *, shape: tuple[Any, ...] = ("n", 3, SIDE, SIDE), prefix: str = "", flat: int = -1
) -> None:
    """Save convolution with bias -> relu -> convolution -> added to what was before -> head."""
    constants = {
        "w1": weights(4, 3, 3, 3),
        "b1": weights(4),
        "w2": weights(4, 4, 1, 1),
        "w3": weights(4 * SIDE * SIDE, 2),
    }
    constants["flat"] = np.array([flat, 4 * SIDE * SIDE], dtype=np.int64)
    nhwc = shape[-1] == 3
    nodes = [helper.make_node("Transpose", ["pixels"], [f"{prefix}t"], perm=[0, 3, 1, 2])] if nhwc else []
    nodes += [
        helper.make_node(
            "Conv", [f"{prefix}t" if nhwc else "pixels", "w1", "b1"], [f"{prefix}1"], pads=[1] * 4
        ),
        helper.make_node("Relu", [f"{prefix}1"], [f"{prefix}2"]),
        helper.make_node("Conv", [f"{prefix}2", "w2"], [f"{prefix}3"]),
        helper.make_node("Add", [f"{prefix}2", f"{prefix}3"], [f"{prefix}4"]),
        helper.make_node("Reshape", [f"{prefix}4", "flat"], [f"{prefix}5"]),
        helper.make_node("MatMul", [f"{prefix}5", "w3"], ["answer"]),
    ]
    graph = helper.make_graph(
        nodes,
        "mine",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [shape[0], 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)


def relu_of(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the map (n, h, w, c) behind the first convolution of preprocessed pixels (n, h, w, 3)."""
    padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    sums = np.einsum("nhwcij,ocij->nhwo", windows, weights(4, 3, 3, 3))
    return np.asarray(np.maximum(sums + weights(4), 0))


def looked_at(path: Path, told: object, cache: Path) -> extra_networks.Examined:
    path.with_suffix(".json").write_text(told if isinstance(told, str) else json.dumps(told))
    network = extra_network(f"file:{path}", cache)
    network.folder.mkdir(parents=True, exist_ok=True)
    examine(network)
    return extra_networks.require(network)


def test_an_onnx_file_runs_from_pixels_to_its_layers_as_the_json_beside_it_says(tmp_path: Path) -> None:
    path, cache = tmp_path / "mine.onnx", tmp_path / "cache"
    onnx_model(path)
    path.with_suffix(".json").write_text(json.dumps(TORCH))
    registry.install([f"file:{path}"], cache)
    assert "looked up once" in registry.get_network("mine").unavailable_reason()
    registry.get_network("mine").fetch()
    network = registry.get_network("mine")
    assert network.layers == ("convolution-1", "relu-1", "convolution-2", "top")
    assert network.described()[-1].shape == (SIDE, SIDE, 4)
    assert network.described()[1].parameters >= 4 * 3 * 9 + 4

    images = generated_images(SIDE)
    extractor = MultiLayerExtractor("mine", network.layers, pooling="average", cache_dir=cache)
    maps = extractor.maps(images)
    expected = relu_of((images / 255 - TORCH["mean"]) / TORCH["std"])
    np.testing.assert_allclose(maps[1], expected, atol=0.05)  # bf16, where a processor has it
    second = np.einsum("nhwc,oc->nhwo", expected, weights(4, 4, 1, 1)[:, :, 0, 0])
    np.testing.assert_allclose(maps[-1], expected + second, atol=0.1)

    config = live_config(model="mine", layer="top", pooling="average")
    assert (config.resize, config.input_size) == ("squash", SIDE)
    vectors = FeatureExtractor(config, cache_dir=cache).extract(images)
    np.testing.assert_allclose(vectors, extractor.extract(images)[-1], atol=0.05)


@pytest.mark.parametrize(
    ("shape", "told", "prepared"),
    [
        (("n", "h", "w", 3), {"input_size": SIDE, "layout": "NHWC"}, lambda x: x),
        ((1, 3, SIDE, SIDE), {"channels": "BGR"}, lambda x: x[..., ::-1]),
        (
            ("n", 3, "h", "w"),
            {"input_size": [SIDE, SIDE], "mean": 127.5, "std": 127.5},
            lambda x: x / 127.5 - 1,
        ),
    ],
)
def test_layout_channels_and_the_side_are_the_files_own_or_those_of_the_json(
    shape: tuple[Any, ...], told: dict[str, object], prepared: Any, tmp_path: Path
) -> None:
    path = tmp_path / "mine.onnx"
    # the head of one takes one image alone, and is not needed
    onnx_model(path, shape=shape, flat=1 if shape[0] == 1 else -1)
    assert looked_at(path, told, tmp_path).input_size == SIDE
    registry.install([f"file:{path}"], tmp_path)
    images = generated_images(SIDE)
    (found,) = MultiLayerExtractor("mine", ("relu-1",), pooling="average", cache_dir=tmp_path).maps(images)
    expected = relu_of(prepared(images.astype(np.float64)))
    np.testing.assert_allclose(found, expected, atol=0.02 * expected.max())


def test_a_file_exported_again_has_layers_of_the_same_names(tmp_path: Path) -> None:
    runs: list[list[str]] = []
    for prefix in ("", "/features/4"):
        path = tmp_path / f"mine{len(runs)}.onnx"
        onnx_model(path, prefix=prefix)
        runs.append([layer.name for layer in looked_at(path, TORCH, tmp_path).layers])
    assert runs[0] == runs[1]


def test_a_json_that_has_changed_makes_other_features(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    onnx_model(path)
    before = looked_at(path, TORCH, tmp_path).weights_digest
    path.with_suffix(".json").write_text(json.dumps(TORCH | {"scale": 1}))
    with pytest.raises(WeightsError, match="has changed"):
        extra_networks.require(extra_network(f"file:{path}", tmp_path))
    assert looked_at(path, TORCH | {"scale": 1}, tmp_path).weights_digest != before


def test_a_json_of_windows_begins_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    onnx_model(path)
    assert looked_at(path, "\ufeff" + json.dumps(TORCH), tmp_path).resize == "squash"


def test_what_is_amiss_is_said_without_the_places_in_the_source_of_openvino(tmp_path: Path) -> None:
    import onnx

    path = tmp_path / "mine.onnx"
    onnx_model(path)
    model = onnx.load(path)
    model.graph.node[1].domain, model.graph.node[1].op_type = "mine", "Gate"
    onnx.save(model, path)
    with pytest.raises(WeightsError, match=r"OpenVINO does not have mine\.Gate: export it"):
        looked_at(path, TORCH, tmp_path)
    onnx_model(path)
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="mine.onnx.data", size_threshold=0)
    (tmp_path / "mine.onnx.data").unlink()
    with pytest.raises(WeightsError, match=r"its weights are in mine\.onnx\.data"):
        looked_at(path, TORCH, tmp_path)


def test_what_the_process_that_looks_at_a_network_refuses_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    onnx_model(path)
    path.write_bytes(path.read_bytes()[:200])
    path.with_suffix(".json").write_text(json.dumps(TORCH))
    registry.install([f"file:{path}"], tmp_path)
    with pytest.raises(WeightsError, match=r"mine cannot be used: .*OpenVINO cannot read"):
        registry.get_network("mine").fetch()


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("{", "cannot be read as JSON"),
        ([], "has to be an object"),
        ({"input_size": SIDE, "crop": 1}, "has to be an object with some of"),
        ({"input_size": "16"}, "input_size"),
        ({"input_size": [16, 20]}, "one side of a square"),
        ({"input_size": 8}, "both have to be one side"),
        ({"layout": "CHW"}, "NCHW, NHWC"),
        ({"layout": "NHWC"}, "correct layout"),
        ({"scale": 255}, "multiplied"),
        ({"mean": [1, 2]}, "three channels"),
        ({"std": 0}, "three channels"),
        ({"mean": [1, 2, "x"]}, "three channels"),
        ({"resize": "stretch"}, "squash, ease, crop, pad"),
    ],
)
def test_a_json_that_cannot_be_is_refused_with_its_key(told: object, words: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    onnx_model(path)
    with pytest.raises(WeightsError, match=words):
        looked_at(path, told, tmp_path)


def test_a_file_without_json_or_that_is_damaged_or_takes_no_images_is_refused_in_words(
    tmp_path: Path,
) -> None:
    path = tmp_path / "mine.onnx"
    onnx_model(path)
    registry.install([f"file:{path}"], tmp_path)
    assert "mine.json" in registry.get_network("mine").unavailable_reason()
    with pytest.raises(WeightsError, match=r"mine\.json beside it"):
        registry.get_network("mine").fetch()
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(WeightsError, match="OpenVINO cannot read"):
        looked_at(path, TORCH, tmp_path)
    onnx_model(path, shape=("n", 4, SIDE, SIDE))
    with pytest.raises(WeightsError, match=r"square RGB|cannot read"):
        looked_at(path, TORCH, tmp_path)


def test_tensorflow_is_not_asked_to_run_an_onnx_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    onnx_model(path)
    looked_at(path, TORCH, tmp_path)
    with pytest.raises(WeightsError, match="FEATURE_ENGINE"):
        extra_networks.build(extra_network(f"file:{path}", tmp_path), ("top",))
