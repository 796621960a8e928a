"""Networks from outside: what is accepted, how their layers are chosen, and what is said when they fail."""

from __future__ import annotations

import functools
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import override_settings
from numpy.typing import NDArray

from gallery.errors import NotFoundError, WeightsError
from search import checks as search_checks
from search.extractors.engines.conversion import converted
from search.extractors.engines.precision import generated_images
from search.extractors.feature_extractor import live_config
from search.extractors.multi_layer_extractor import MultiLayerExtractor
from search.extractors.networks import registry
from search.extractors.networks.added import extra_networks
from search.extractors.networks.added.extra_networks import extra_network
from search.extractors.networks.added.inner_layers import flat
from search.extractors.networks.added.inspect_keras import chosen_layers, examine
from search.extractors.networks.converted_networks import IR_FILE, entry_of
from search.features import loaded_extractors

pytestmark = pytest.mark.usefixtures("exact")


@pytest.fixture(autouse=True)
def no_others() -> Iterator[None]:
    yield
    registry.install((), Path())


def own_model(path: Path, side: int | None = 32, *, channels: int = 3, gap: str = ".") -> Any:
    """Save a small model with its own preprocessing, squeezed channels, a classifier and a nested network."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(0)
    pixels = keras.Input((side, side, channels))
    x = layers.Rescaling(1 / 255)(pixels)
    for number in range(6):
        x = layers.Conv2D(8 + number, 3, padding="same", name=f"Step{gap}{number}")(x)
        x = layers.ReLU(name=f"step_{number}_relu")(x)
    x = keras.Sequential([layers.Conv2D(5, 3, strides=2)], name="body")(x)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Multiply()([x, layers.Conv2D(5, 1, activation="sigmoid", name="gate")(gate)])
    model = keras.Model(pixels, layers.Dense(4)(layers.GlobalAveragePooling2D()(x)))
    model.save(path)
    return model


def test_a_source_of_neither_form_is_refused_with_the_forms(tmp_path: Path) -> None:
    for source in ("", "MobileNetV2", "keras:", "keras:a b", "file:my.keras", "file:/my.h5", "http://x"):
        with pytest.raises(NotFoundError, match=r"keras:NAME .* file:/PATH\.keras"):
            registry.install([source], tmp_path)


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    for sources in (["keras:VGG16"], ["file:/a/my.keras", "file:/b/My.keras"]):
        with pytest.raises(NotFoundError, match="already"):
            registry.install(sources, tmp_path)


def test_a_network_nobody_has_looked_at_is_listed_with_what_to_do(tmp_path: Path) -> None:
    registry.install(["keras:MobileNetV2", f"file:{tmp_path}/gone.keras"], tmp_path)
    later, gone = registry.known()[-2:]
    assert (later.name, later.layers, later.described(), later.parameters) == ("mobilenetv2", (), (), 0)
    assert "manage.py run_experiments --models mobilenetv2" in later.unavailable_reason()
    assert f"{tmp_path}/gone.keras is not there" in gone.unavailable_reason()
    for network in (later, gone):
        with pytest.raises(WeightsError):
            live_config(model=network.name, layer="top", pooling="average", pca_name="")
    with pytest.raises(WeightsError, match="is not there"):
        gone.fetch()


@dataclass(frozen=True)
class Converted:
    """A user's own model after its first use, and what was said before and after that."""

    model: Any
    source: str
    cache: Path
    maps: tuple[NDArray[np.float32], ...]
    ahead: str
    then: list[str]


@pytest.fixture(scope="module")
def own_converted(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """Return a model that was looked at and converted, each in a process that loads TensorFlow."""
    folder = tmp_path_factory.mktemp("own")
    path, cache = folder / "My Model.keras", folder / "models"
    model = own_model(path)
    source = f"file:{path}"
    registry.install([source], cache)
    registry.get_network("my-model").fetch()
    network = registry.get_network("my-model")
    with override_settings(CACHE_ROOT=folder):
        ahead = loaded_extractors.conversion_ahead(network.name, network.layers, 32)
        maps = MultiLayerExtractor(
            network.name, network.layers, pooling="average", cache_dir=cache, engine="openvino"
        ).maps(generated_images(32))
        then = [
            loaded_extractors.conversion_ahead(network.name, layers, 32)
            for layers in (network.layers, network.layers[:1])
        ]
    return Converted(model, source, cache, maps, ahead, then)


def test_a_users_own_model_is_looked_at_once_and_runs_up_to_its_layers(own_converted: Converted) -> None:
    import keras

    model, maps = own_converted.model, own_converted.maps
    registry.install([own_converted.source], own_converted.cache)
    network = registry.get_network("my-model")
    assert not network.unavailable_reason()
    assert registry.from_source(network.source) == network
    assert (network.input_size, len(network.layers), network.layers[-1]) == (32, 8, "top")
    assert network.described()[-1].type == "Conv2D"

    assert [tuple(one.shape[1:]) for one in maps] == [layer.shape for layer in network.described()]
    images = generated_images(32).astype(np.float32)
    expected = keras.Model(model.input, model.get_layer("body").output)(images)
    np.testing.assert_allclose(maps[-1], np.asarray(expected), atol=2e-2)
    config = live_config(model=network.name, layer="top", pooling="average", pca_name="")
    assert config.weights_digest == network.weights_digest


def test_a_conversion_is_cached_and_leaves_nothing_aside(own_converted: Converted) -> None:
    registry.install([own_converted.source], own_converted.cache)
    network = registry.get_network("my-model")
    first = entry_of(network, network.layers, 32, own_converted.cache) / IR_FILE
    written = first.stat().st_mtime_ns
    assert converted(network, network.layers, 32, own_converted.cache) == first
    assert first.stat().st_mtime_ns == written
    assert not [entry.name for entry in first.parent.parent.iterdir() if entry.name.startswith(".")]


def test_a_model_that_has_changed_has_to_be_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "my.keras"
    own_model(path)
    network = extra_network(f"file:{path}", tmp_path)
    network.folder.mkdir(parents=True)
    examine(network)
    before = extra_networks.require(network)
    own_model(path, side=48)
    with pytest.raises(WeightsError, match="has changed"):
        extra_networks.require(network)
    examine(network)
    after = extra_networks.require(network)
    assert (before.input_size, after.input_size) == (32, 48)


def test_a_model_that_takes_any_size_is_run_at_one(tmp_path: Path) -> None:
    path = tmp_path / "free.keras"
    own_model(path, side=None)
    network = extra_network(f"file:{path}", tmp_path)
    network.folder.mkdir(parents=True)
    examine(network)
    known = extra_networks.require(network)
    assert known.input_size == 224
    assert known.layers[0].shape == (224, 224, 8)


def transfer_learning(path: Path, *, sequential: bool = False) -> Any:
    """Save the usual transfer learning: augmentation, a backbone called as a layer, a head; returns both."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(0)
    inner = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, strides=2, name="stem")(inner)
    for _ in range(5):
        x = layers.Conv2D(6, 3, padding="same")(x)
        x = layers.ReLU()(x)
    backbone = keras.Model(inner, x, name="backbone")
    steps = [keras.Sequential([layers.RandomFlip()]), layers.Rescaling(1 / 255), backbone]
    head = [layers.GlobalAveragePooling2D(), layers.Dense(3)]
    if sequential:
        model = keras.Sequential([keras.Input((32, 32, 3)), *steps, *head])
    else:
        x = pixels = keras.Input((32, 32, 3))
        for step in (*steps, *head):
            x = step(x, training=False) if step is backbone else step(x)
        model = keras.Model(pixels, x)
    model.save(path)
    return model, backbone


def looked_at(path: Path, cache: Path) -> extra_networks.Examined:
    network = extra_network(f"file:{path}", cache)
    network.folder.mkdir(parents=True, exist_ok=True)
    examine(network)
    return extra_networks.require(network)


@pytest.mark.parametrize("sequential", [False, True])
def test_the_layers_of_a_backbone_are_those_of_the_model_and_run_from_the_pixels(
    sequential: bool, tmp_path: Path
) -> None:
    path = tmp_path / "mine.keras"
    _, backbone = transfer_learning(path, sequential=sequential)
    known = looked_at(path, tmp_path)
    names = [layer.name for layer in known.layers]
    assert names[0] == "stem"
    assert names[1].startswith(("conv2d-", "re-lu-"))
    assert names[-1] == "top"
    assert [layer.shape for layer in known.layers] == [(15, 15, 4)] + 7 * [(15, 15, 6)]
    network = extra_network(f"file:{path}", tmp_path)
    pixels = generated_images(32).astype(np.float32)
    found = extra_networks.build(network, tuple(names))(pixels, training=False)
    np.testing.assert_allclose(np.asarray(found[-1]), np.asarray(backbone(pixels / 255)), atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.usefixtures("converted_here")
def test_a_model_of_mixed_precision_gives_the_maps_of_keras(policy: str, tmp_path: Path) -> None:
    import keras

    path, cache = tmp_path / "mine.keras", tmp_path / "cache"
    keras.mixed_precision.set_global_policy(policy)
    try:
        transfer_learning(path)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    looked_at(path, cache)
    registry.install([f"file:{path}"], cache)
    images = generated_images(32)
    expected, found = (
        MultiLayerExtractor("mine", ("top",), pooling="average", cache_dir=cache, engine=engine).maps(images)
        for engine in ("tensorflow", "openvino")
    )
    np.testing.assert_allclose(found[0], expected[0], atol=0.02 * expected[0].max())


def test_a_model_trained_again_in_the_same_process_has_layers_of_the_same_names(tmp_path: Path) -> None:
    runs = []
    for run in ("first", "second"):
        path = tmp_path / f"{run}.keras"
        transfer_learning(path)
        runs.append([layer.name for layer in looked_at(path, tmp_path).layers])
    assert runs[0] == runs[1]


def test_layers_that_share_a_name_are_told_apart_by_the_model_around_them(tmp_path: Path) -> None:
    import keras

    layers = keras.layers
    twins = [
        keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(4, 3, name="conv")], name=name)
        for name in ("left", "right")
    ]
    pixels = keras.Input((32, 32, 3))
    outputs = [twin(pixels) for twin in (*twins, twins[0])]
    keras.Model(pixels, layers.Add(name="top")(outputs)).save(tmp_path / "twins.keras")
    names = [layer.name for layer in looked_at(tmp_path / "twins.keras", tmp_path).layers]
    assert names == ["left-conv", "right-conv", "left-conv-2", "top"]


def test_what_was_known_of_a_model_by_names_of_keras_is_still_good(tmp_path: Path) -> None:
    path = tmp_path / "mine.keras"
    model = own_model(path)
    looked_at(path, tmp_path)
    file = extra_network(f"file:{path}", tmp_path).folder / extra_networks.DESCRIPTION_FILE
    values = json.loads(file.read_text())
    values |= {"format": 1, "layers": {layer["name"]: "step_3_relu" for layer in values["taps"]}}
    file.write_text(json.dumps(values))
    network = extra_network(f"file:{path}", tmp_path)
    pixels = generated_images(32).astype(np.float32)
    expected = keras_up_to(model, "step_3_relu")(pixels)
    found = extra_networks.build(network, ("top",))(pixels)
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), atol=1e-6)


def keras_up_to(model: Any, layer: str) -> Any:
    import keras

    return keras.Model(model.input, model.get_layer(layer).output)


def test_layers_are_named_once_each_and_leave_out_what_has_no_places(tmp_path: Path) -> None:
    network = flat(own_model(tmp_path / "my.keras"))
    layers = chosen_layers(network)
    assert len(layers) == 8
    assert next(iter(layers)) == "step-0"
    assert network.steps[layers["top"]].path[0] == "body"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("four channels", "square RGB"),
        ("no zip", "cannot be loaded"),
        ("a name no graph takes", "does not run"),
        ("lambda", "use a layer of Keras in its place"),
        ("own class", "it needs OwnGate, which Keras does not have"),
        ("no input", "begin it with keras.Input"),
    ],
)
def test_a_model_that_cannot_be_used_is_refused_with_the_reason(
    content: str, words: str, tmp_path: Path
) -> None:
    import keras

    path = tmp_path / "bad.keras"
    if content == "four channels":
        own_model(path, channels=4)
    elif content == "a name no graph takes":
        own_model(path, gap=" ")
    elif content == "no zip":
        path.write_bytes(b"no zip")
    elif content == "own class":
        own = type("OwnGate", (keras.layers.Layer,), {"call": lambda self, x: x})
        pixels = keras.Input((32, 32, 3))
        keras.Model(pixels, own()(keras.layers.Conv2D(4, 3)(pixels))).save(path)
    elif content == "no input":
        keras.Sequential([keras.layers.Conv2D(4, 3)]).save(path)
    else:
        pixels = keras.Input((32, 32, 3))
        keras.Model(pixels, keras.layers.Lambda(lambda x: x * 2)(pixels)).save(path)
    network = extra_network(f"file:{path}", tmp_path)
    network.folder.mkdir(parents=True)
    with pytest.raises(WeightsError, match=words):
        examine(network)


def test_a_further_network_of_keras_is_kept_with_its_preprocessing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    make = keras.applications.MobileNetV2

    @functools.wraps(make)
    def without_download(*, weights: str | None, **options: Any) -> Any:
        keras.utils.set_random_seed(0)
        return make(weights=None, **options)

    monkeypatch.setattr(keras.applications, "MobileNetV2", without_download)
    registry.install(["keras:MobileNetV2"], tmp_path)
    network = extra_network("keras:MobileNetV2", tmp_path)
    network.folder.mkdir(parents=True)
    examine(network)
    digest = registry.get_network("mobilenetv2").weights_digest
    examine(network)  # the saved file differs in its date, the weights do not
    found = registry.get_network("mobilenetv2")
    assert found.weights_digest == digest
    assert [layer.shape[0] for layer in found.described()][-1] == 7
    pixels = generated_images(224)[:1].astype(np.float32)
    expected = np.asarray(without_download(weights=None, include_top=False)(pixels / 127.5 - 1))
    np.testing.assert_allclose(np.asarray(found.builder(("top",))(pixels)), expected, rtol=1e-3, atol=1e-6)


def test_an_unknown_network_of_keras_is_refused_without_loading_keras(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extra_networks, "run_module", lambda *_, **__: pytest.fail("It was run."))
    registry.install(["keras:MobilNetV2"], tmp_path)
    with pytest.raises(WeightsError, match=r"no network 'MobilNetV2'.* Did you mean keras:MobileNetV2\?"):
        registry.get_network("mobilnetv2").fetch()


def test_an_unknown_network_of_keras_is_refused_after_asking_keras(tmp_path: Path) -> None:
    registry.install(["keras:NoSuchNetwork"], tmp_path)
    with pytest.raises(WeightsError, match="NoSuchNetwork"):
        examine(extra_network("keras:NoSuchNetwork", tmp_path))


def test_what_cannot_be_brought_is_refused_with_the_way_to_bring_it(tmp_path: Path) -> None:
    for source, words in (("file:/a/mine.h5", "load_model"), ("file:/a/mine.pth", r"torch\.onnx\.export")):
        with pytest.raises(NotFoundError, match=words):
            registry.install([source], tmp_path)


def test_the_checks_refuse_networks_that_cannot_exist(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text.keras").write_text("no archive")
    (tmp_path / "alone.onnx").write_bytes(b"\x08")
    (tmp_path / "pointer.onnx").write_text("version https://git-lfs.github.com/spec/v1")
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("a.jpg", b"")
    own_model(tmp_path / "sound.keras")
    settings.EXTRA_NETWORKS = ["keras:MobilNetV2", "keras:MobileNetV2", "keras:mobilenet_v2"]
    said = [(one.id, one.msg) for one in search_checks.check_extra_networks()]
    assert [number for number, _ in said] == ["search.E017", "search.E017"]
    assert "Did you mean keras:MobileNetV2?" in said[0][1]
    settings.EXTRA_NETWORKS = [f"file:{tmp_path}/{name}.keras" for name in ("gone", "text", "other", "sound")]
    settings.EXTRA_NETWORKS += [f"file:{tmp_path}/{name}.onnx" for name in ("alone", "pointer")]
    settings.EXTRA_NETWORKS += ["file:relative.keras"]
    assert (
        search_checks.check_extra_networks() == []
    )  # a folder that is not mounted keeps no site from serving
    monkeypatch.setattr("sys.argv", ["manage.py", "check"])
    said = [(one.id, one.msg) for one in search_checks.check_extra_networks()]
    expected = (
        "gone.keras is not there",
        "text.keras cannot",
        "other.keras cannot",
        "alone.json",
        "no ONNX file",
    )
    for (_, message), words in zip(said, expected, strict=True):
        assert message.startswith("EXTRA_NETWORKS: ")
        assert words in message


def test_what_is_converted_first_is_said_and_what_is_kept_is_not(own_converted: Converted) -> None:
    assert "Converting My Model" in own_converted.ahead
    assert own_converted.then == ["", ""]
    assert loaded_extractors.conversion_ahead("colour-histogram", ("histogram",), 224) == ""
