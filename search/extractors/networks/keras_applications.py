"""Networks of Keras Applications, with the ImageNet weights from Keras' own folder of downloads.

Networks and weights: https://keras.io/api/applications/.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import socket
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import numpy as np

from gallery.errors import WeightsError
from gallery.system.home.shipped_files import program
from search.extractors.networks import downloads
from search.extractors.networks.applications import Application

HOME_FOLDER = "SEMSEARCH_WEIGHTS_FOLDER"
CONNECTION_LIMIT_S = 5
SAVED_TODAY = ".weights.h5"


def look_in(folder: Path) -> None:
    """Look for weights in a folder too, and download into it; processes started from here do as well."""
    os.environ[HOME_FOLDER] = str(folder)


def weights_folders() -> list[Path]:
    """Return where weights are looked for: Keras' own folder of downloads, then that of `look_in`.

    Keras keeps them in `models` below KERAS_HOME, or below ~/.keras.
    """
    keras = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"
    home = os.environ.get(HOME_FOLDER)
    return [keras, Path(home)] if home else [keras]


def weights_path(application: Application) -> Path:
    """Return the path of the weights file that is there, the one without the classifier first.

    It is Keras' download, or what `model.save_weights` wrote, under the name of the download or that with the
    ending that Keras wants, `.weights.h5`.

    Raises:
        WeightsError: neither is there.
    """
    folders = weights_folders()
    for file_name in application.files:
        for folder in folders:
            for path in (folder / file_name, folder / f"{Path(file_name).stem}{SAVED_TODAY}"):
                if path.is_file():
                    return path
    name = application.files[0]
    raise WeightsError(
        f"The weights of {application.class_name} are not installed: {name} is missing in "
        f"{' and in '.join(str(folder) for folder in folders)}. Run: {program()} get_weights "
        f"{application.name}; or get the file from {application.address}{name} and put it there."
    )


def weights_digest(application: Application) -> str:
    """Return the SHA-256 of the weights file that is there.

    Raises:
        WeightsError: there is none.
    """
    return file_digest(weights_path(application))


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, computed anew only when its size or time of change differ.

    Raises:
        WeightsError: it cannot be read.
    """
    try:
        state = path.stat()
        return _digest(path, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise WeightsError(f"The weights file {path} cannot be read: {error.strerror}.") from error


@lru_cache(maxsize=64)
def _digest(path: Path, size: int, changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build(application: Application, layers: tuple[str, ...], input_size: int | None = None) -> Any:
    """Return a Keras model from RGB pixels (n, s, s, 3) float32 in 0..255 to the feature maps of `layers`.

    The network's own preprocessing is part of the graph. `s` is `input_size`, by default the side the network
    was trained at; it is fixed, as the padding of an EfficientNet depends on it.

    Raises:
        WeightsError: the weights are missing, or damaged, or those of another network.
    """
    path = weights_path(application)
    # A file with a classifier fits only the network with a classifier, which takes only its own size.
    classifier = path.name.removesuffix(SAVED_TODAY) in (
        application.files[1],
        Path(application.files[1]).stem,
    )
    whole = _whole(application, None if classifier else input_size, classifier=classifier)
    try:
        _load_weights(whole, path)
    except Exception as error:  # h5py and Keras raise whatever a broken file leads them to
        raise WeightsError(
            f"The weights file {path} is damaged or not of {application.class_name}: delete it and get it "
            f"again from {application.address}{path.name}."
        ) from error
    _restore_deviation(whole)
    return _up_to(application, whole, layers)


def _load_weights(whole: Any, path: Path) -> None:
    """Load a weights file in the format of Keras' downloads or in that of today's `save_weights`.

    Keras tells the two apart by the name of the file alone.
    """
    import h5py

    with h5py.File(path) as file:
        downloaded = "layer_names" in file.attrs or "model_weights" in file
    if downloaded != path.name.endswith(SAVED_TODAY):
        whole.load_weights(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / f"weights{'.h5' if downloaded else SAVED_TODAY}"
        link.symlink_to(path.resolve())
        whole.load_weights(link)


def build_without_weights(
    application: Application, layers: tuple[str, ...], input_size: int | None = None
) -> Any:
    """Return the Keras model of `build` with the random weights Keras starts with."""
    return _up_to(application, _whole(application, input_size, classifier=False), layers)


def fetch(application: Application, report: downloads.Report | None = None) -> None:
    """Download the weights where they are not here.

    Raises:
        WeightsError: they could not be had; the words say from where they come and where they belong.
    """
    try:
        weights_path(application)
        return
    except WeightsError as missing:
        words = missing.detail
    try:
        require_connection(application.address)
        downloads.download(application, weights_folders()[-1], report or _untold)
    except OSError as error:
        reason = f"{urlsplit(application.address).hostname} cannot be reached: {error.strerror or error}"
    except WeightsError as error:
        reason = error.detail
    else:
        return
    raise WeightsError(f"The download failed ({reason}). {words}")


def _untold(done: int, total: int) -> None:
    """Tell nobody how far it is."""


def require_connection(address: str) -> None:
    """Try to reach the server of an address, before anything waits for it; a proxy is trusted.

    Raises:
        OSError: it cannot be reached.
    """
    if not getproxies():
        server = urlsplit(address)
        port = server.port or (80 if server.scheme == "http" else 443)
        socket.create_connection((server.hostname or "", port), timeout=CONNECTION_LIMIT_S).close()


def _whole(application: Application, input_size: int | None, *, classifier: bool) -> Any:
    import keras

    make = getattr(keras.applications, application.class_name)
    size = input_size or application.input_size
    pixels = keras.Input((size, size, 3), name="pixels")
    return make(include_top=classifier, weights=None, input_tensor=preprocessed(make, pixels))


def preprocessed(make: Any, pixels: Any) -> Any:
    """Return pixels 0..255 as the network that `make` builds was trained on, in layers without weights.

    What Keras does to pixels is `preprocess_input` beside the network. It is always affine, a scale and an
    offset for each channel, after the channels are turned round in networks from Caffe; four probes tell it.
    """
    import keras

    probes = np.concatenate([np.zeros((1, 3)), 255 * np.eye(3)]).astype(np.float32)
    module = importlib.import_module(make.__module__)
    answers = np.asarray(module.preprocess_input(probes.reshape(4, 1, 1, 3).copy())).reshape(4, 3)
    matrix, offset = (answers[1:] - answers[0]).astype(np.float64) / 255, answers[0].astype(np.float64)
    if matrix[0, 0] == 0:
        matrix, pixels = matrix[::-1], keras.ops.flip(pixels, axis=-1)
    if not np.array_equal(matrix, np.diag(np.diag(matrix))):
        raise WeightsError(f"The preprocessing of {make.__name__} is not known here.")
    if np.allclose(matrix, np.eye(3)) and not offset.any():
        return pixels
    scale = np.diag(matrix)
    return keras.layers.Rescaling(scale.tolist(), offset=offset.tolist(), name="preprocessing")(pixels)


def _restore_deviation(whole: Any) -> None:
    """Divide by the square root of ImageNet's deviations, as the weights of EfficientNetB0 to B7 expect.

    Keras lays that layer out only when it downloads the weights itself
    (`keras/src/applications/efficientnet.py`): a larger variance in the layer before does the same.
    """
    import keras

    module = importlib.import_module(keras.applications.EfficientNetB0.__module__)
    for layer in whole.layers:
        if isinstance(layer, keras.layers.Normalization) and whole.name.startswith("efficientnetb"):
            mean, variance, *count = layer.get_weights()
            layer.set_weights([mean, variance * np.asarray(module.IMAGENET_STDDEV_RGB), *count])
            layer.finalize_state()


def _up_to(application: Application, whole: Any, layers: tuple[str, ...]) -> Any:
    import keras

    activations = [layer for layer in whole.layers if isinstance(layer, keras.layers.Activation)]
    references = dict(application.keras_layers)
    outputs = [
        activations[ref - 1].output
        if isinstance(ref := references[layer], int)
        else whole.get_layer(ref).output
        for layer in layers
    ]
    return keras.Model(whole.inputs[0], outputs[0] if len(outputs) == 1 else outputs, name=application.name)
