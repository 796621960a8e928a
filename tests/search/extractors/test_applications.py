"""The networks of Keras Applications, each built in full from a file of weights.

One of each way in which they are described is always tested. Of the others it is always tested that their
layers are those that are described, and their pixels prepared as by Keras; all else by `make test-hostile`.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.extractors.engines.precision import generated_images
from search.extractors.networks.applications import KERAS_APPLICATIONS, Application
from search.extractors.networks.keras_applications import preprocessed
from search.extractors.networks.registry import get_network
from search.extractors.networks.write_descriptions import described_model, description

IMAGENET_MEANS, IMAGENET_VARIANCES = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# layers by name, an own normalisation, layers by number, pixels as Caffe has them
ALWAYS = {"mobilenet", "efficientnet-b0", "inception-v3", "vgg16"}


def save_random_weights(make: Any, path: Path) -> None:
    """Write weights in the layout of Keras' downloads, those of a normalisation as they are in them."""
    import keras

    keras.utils.set_random_seed(1)
    model = make(include_top=False, weights=None)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.weights:
            layer.set_weights([np.array(IMAGENET_MEANS), np.array(IMAGENET_VARIANCES), np.array(1)])
    model.save(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "application",
    [
        pytest.param(one, id=one.name, marks=[] if one.name in ALWAYS else pytest.mark.hostile)
        for one in KERAS_APPLICATIONS
    ],
)
def test_eight_layers_of_a_network_loaded_from_a_file_are_those_of_keras(
    application: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras
    from keras.src.utils import file_utils

    make = getattr(keras.applications, application.class_name)
    module = importlib.import_module(make.__module__)
    network, size = get_network(application.name), application.input_size
    path = tmp_path / "models" / application.files[0]
    path.parent.mkdir()
    save_random_weights(make, path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    # Keras builds the network for ImageNet, only its download is replaced by the file.
    monkeypatch.setattr(file_utils, "get_file", lambda *args, **kwargs: str(path))
    original = make(include_top=False, weights="imagenet", input_shape=(size, size, 3))

    pixels = generated_images(size)[:1].astype(np.float32)
    model = network.builder(network.layers)
    maps = model(pixels)
    assert [tuple(layer.shape[1:]) for layer in maps] == [layer.shape for layer in network.described()]

    last = dict(application.keras_layers)["top"]
    expected = np.asarray(
        keras.Model(original.input, original.get_layer(last).output)(module.preprocess_input(pixels.copy()))
    )
    scale = np.abs(expected).max()
    assert scale > 0
    np.testing.assert_allclose(np.asarray(maps[-1]) / scale, expected / scale, atol=1e-4)
    assert network.described() == described_model(model, network.layers)


@pytest.mark.parametrize(
    "name", [application.name for application in KERAS_APPLICATIONS if application.name not in ALWAYS]
)
def test_a_description_is_that_of_the_network_really_built(name: str) -> None:
    network = get_network(name)
    assert network.described() == description(network)


@pytest.mark.parametrize("application", KERAS_APPLICATIONS, ids=lambda application: application.name)
def test_pixels_are_prepared_as_keras_prepares_them(application: Application) -> None:
    import keras

    make = getattr(keras.applications, application.class_name)
    module = importlib.import_module(make.__module__)
    pixels = generated_images(32)[:1].astype(np.float32)
    given = keras.Input((32, 32, 3))
    model = keras.Model(given, keras.layers.Identity()(preprocessed(make, given)))
    expected = module.preprocess_input(pixels.copy())
    np.testing.assert_allclose(np.asarray(model(pixels)), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    "ending", ["mobilenet_1_0_224_tf_no_top.h5", "mobilenet_1_0_224_tf_no_top.weights.h5"]
)
def test_weights_that_keras_saves_today_are_taken_under_either_name(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    keras.utils.set_random_seed(1)
    model = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(224, 224, 3))
    folder = tmp_path / "models"
    folder.mkdir()
    model.save_weights(folder / "saved.weights.h5")
    (folder / "saved.weights.h5").rename(folder / ending)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    network = get_network("mobilenet")
    assert not network.unavailable_reason()
    pixels = generated_images(224)[:1].astype(np.float32)
    expected = np.asarray(model(pixels / 127.5 - 1, training=False))
    found = np.asarray(network.builder(("top",))(pixels, training=False))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())
