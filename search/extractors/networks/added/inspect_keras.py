"""Looks at a network from outside with Keras: chooses its layers and writes down what is needed to use it.

Run as `python -m search.extractors.networks.added.inspect_keras SOURCE CACHE_DIRECTORY`; the caller never
loads Keras.
"""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import replace
from typing import Any

import numpy as np

from gallery.errors import WeightsError
from search.extractors.engines.needs_tensorflow import leave_out_what_stands_beside_keras
from search.extractors.networks.added.extra_networks import (
    DESCRIPTION_FORMAT,
    Description,
    ExtraNetwork,
    load_model,
    run_inspection,
    write_description,
)
from search.extractors.networks.added.inner_layers import FlatModel, Step, flat, names_of
from search.extractors.networks.keras_applications import file_digest, preprocessed
from search.extractors.networks.layer_info import Layer, in_short, layer_values, spread

FREE_SIZE = 224  # of a network that takes pictures of any size
CONVOLUTIONS = ("Conv2D", "SeparableConv2D", "DepthwiseConv2D", "Conv2DTranspose")
# layers, and the functions of Keras that a model may call in their place
CHOSEN_FROM = (
    *CONVOLUTIONS, "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Add", "Concatenate", "Relu", "Relu6",
    "Gelu", "Silu", "HardSilu", "LeakyRelu", "Elu",
)  # fmt: skip


def examine(network: ExtraNetwork) -> None:
    """Write the description of a network, and the model of one of Keras Applications, into its folder.

    Raises:
        WeightsError: the network cannot be had, or is not one that maps RGB pictures to feature maps.
    """
    if network.file is None:
        model_file = network.folder / "model.keras"
        model = _application(network.title)
        aside = network.folder / f"aside-{os.getpid()}.keras"
        model.save(aside)
        aside.replace(model_file)
    else:
        model_file = network.file
        model = load_model(model_file)
    size = _input_size(model)
    inner = _flat(model)
    chosen = chosen_layers(inner)
    shapes = _shapes(inner.up_to(list(chosen.values())), size)
    layers = described_steps(inner, chosen)
    values: Description = {
        "format": DESCRIPTION_FORMAT,
        "source": network.source,
        "model_file": str(model_file),
        "model_digest": file_digest(model_file),
        "weights_digest": _digest(model),
        "input_size": size,
        "layers": {**chosen},
        "taps": [
            layer_values(replace(layer, shape=shape)) for layer, shape in zip(layers, shapes, strict=True)
        ],
    }
    write_description(network, values)


def _shapes(model: Any, size: int) -> list[tuple[int, int, int]]:
    """Return the shapes (h, w, c) of the maps of a picture: a trial, as not every model that loads runs.

    Raises:
        WeightsError: it does not.
    """
    try:
        maps = model.predict(np.zeros((1, size, size, 3), dtype=np.float32), verbose=0)
    except Exception as error:  # every layer has errors of its own
        raise WeightsError(f"it does not run: {in_short(error)}") from error
    return [one.shape[1:] for one in (maps if isinstance(maps, list) else [maps])]


def chosen_layers(network: FlatModel) -> dict[str, int]:
    """Return up to eight steps by the names they get here: the first, the last, and evenly between them.

    In question are activations, merges and convolutions with one map of more than one place as output, from
    the first convolution to the last of them. The last is "top".

    Raises:
        WeightsError: there is none.
    """
    names = names_of(network.steps)
    numbers = [number for number, step in enumerate(network.steps) if _is_candidate(step)]
    first = next(
        (n for n, number in enumerate(numbers) if _class(network, number) in CONVOLUTIONS), len(numbers)
    )
    candidates = numbers[first:]
    if not candidates:
        raise WeightsError("it has no convolution whose feature maps could be looked at.")
    *before, top = spread(candidates)
    # the last is called "top", whatever its name
    return {f"{names[n]}-inner" if names[n] == "top" else names[n]: n for n in before} | {"top": top}


def described_steps(network: FlatModel, chosen: dict[str, int]) -> tuple[Layer, ...]:
    """Return the description of chosen steps; parameters are counted up to each, layers up to the last."""
    total = max(chosen.values()) + 1
    return tuple(
        Layer(
            name=name,
            type=_class(network, number),
            index=number + 1,
            total_layers=total,
            parameters=int(network.up_to([number]).count_params()),
            shape=tuple(network.steps[number].output.shape[1:]),
        )
        for name, number in chosen.items()
    )


def _class(network: FlatModel, number: int) -> str:
    return type(network.steps[number].operation).__name__


def _is_candidate(step: Step) -> bool:
    """Say whether a layer has one output (n, h, w, c) with more than one place, or with places left open."""
    if type(step.operation).__name__ not in CHOSEN_FROM:
        return False
    match tuple(getattr(step.output, "shape", ())):
        case (_, height, width, int()):
            return (height, width) != (1, 1)
    return False


def _flat(model: Any) -> FlatModel:
    """Return the layers of a model. Raises: WeightsError when they cannot be told."""
    kind = type(model).__name__
    if kind not in ("Functional", "Sequential"):
        raise WeightsError(
            f"it is a {kind}, of which Keras does not know the layers: save a functional or sequential "
            "model, or export it to ONNX."
        )
    try:
        return flat(model)
    except Exception as error:  # every layer has errors of its own
        raise WeightsError(f"its layers cannot be told apart: {in_short(error)}") from error


def _input_size(model: Any) -> int:
    """Return the side of the pictures a model takes.

    Raises:
        WeightsError: it takes something else than square RGB pictures.
    """
    shapes = [tuple(tensor.shape) for tensor in getattr(model, "inputs", None) or ()]
    match shapes:
        case [(_, None, None, 3)]:
            return FREE_SIZE
        case [(_, int() as height, int() as width, 3)] if height == width:
            return height
    if not shapes:
        raise WeightsError(
            "it has no input of a known shape: begin it with keras.Input((s, s, 3)), or call it on an image, "
            "before it is saved."
        )
    raise WeightsError(f"it has to take square RGB images (n, s, s, 3), not {shapes}.")


def _application(name: str) -> Any:
    """Return a network of Keras Applications with ImageNet weights and its preprocessing in front."""
    import keras

    make = getattr(keras.applications, name, None)
    if not callable(make):
        raise WeightsError(
            f"Keras Applications has no network {name!r}; see https://keras.io/api/applications/."
        )
    size = make(weights=None).input_shape[1] or FREE_SIZE
    pixels = keras.Input((size, size, 3), name="pixels")
    try:
        return make(include_top=False, weights="imagenet", input_tensor=preprocessed(make, pixels))
    except Exception as error:  # whatever the network or the file system says
        raise WeightsError(f"its weights could not be downloaded: {in_short(error)}") from error


def _digest(model: Any) -> str:
    """Return the SHA-256 of all weights: a saved model holds the time of saving, and differs every time."""
    digest = hashlib.sha256()
    for weight in model.weights:
        digest.update(f"{weight.path} {weight.shape}".encode())
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    leave_out_what_stands_beside_keras()
    sys.exit(run_inspection(examine))
