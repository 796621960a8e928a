"""Looks at a network from outside with Keras: chooses its layers and writes down what is needed to use it.

Run as `python -m search.extractors.networks.inspect_keras SOURCE CACHE_DIRECTORY`; the caller never loads
Keras.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from gallery.errors import SemsearchError, WeightsError
from search.extractors.networks.extra_networks import (
    DESCRIPTION_FILE,
    DESCRIPTION_FORMAT,
    ExtraNetwork,
    extra_network,
    load_model,
)
from search.extractors.networks.keras_applications import file_digest, preprocessed
from search.extractors.networks.write_descriptions import described_model

LAYERS = 8
FREE_SIZE = 224  # of a network that takes pictures of any size
CHOSEN_FROM = (
    "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Add", "Concatenate", "Conv2D", "SeparableConv2D",
    "DepthwiseConv2D", "Functional", "Sequential",
)  # fmt: skip
CONVOLUTIONS = ("Conv2D", "SeparableConv2D", "DepthwiseConv2D", "Functional", "Sequential")


def examine(network: ExtraNetwork) -> None:
    """Write the description of a network, and the model of one of Keras Applications, into its folder.

    Raises:
        WeightsError: the network cannot be had, or is not one that maps RGB pictures to feature maps.
    """
    import keras

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
    chosen = chosen_layers(model)
    cut = keras.Model(model.inputs[0], [model.get_layer(layer).output for layer in chosen.values()])
    shapes = _shapes(cut, size)
    layers = described_model(cut, tuple(chosen))
    values = {
        "format": DESCRIPTION_FORMAT,
        "source": network.source,
        "model_file": str(model_file),
        "model_digest": file_digest(model_file),
        "weights_digest": _digest(model),
        "input_size": size,
        "layers": chosen,
        "taps": [{**asdict(layer), "shape": shape} for layer, shape in zip(layers, shapes, strict=True)],
    }
    aside = network.folder / f"aside-{os.getpid()}.json"
    aside.write_text(json.dumps(values), encoding="utf-8")
    aside.replace(network.folder / DESCRIPTION_FILE)


def _shapes(model: Any, size: int) -> list[tuple[int, ...]]:
    """Return the shapes (h, w, c) of the maps of a picture: a trial, as not every model that loads runs.

    Raises:
        WeightsError: it does not.
    """
    try:
        maps = model.predict(np.zeros((1, size, size, 3), dtype=np.float32), verbose=0)
    except Exception as error:  # every layer has errors of its own
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(f"it does not run: {reason}") from error
    return [one.shape[1:] for one in (maps if isinstance(maps, list) else [maps])]


def chosen_layers(model: Any) -> dict[str, str]:
    """Return up to eight layers by the names they get here: the first, the last, and evenly between them.

    In question are activations, merges and convolutions with one map of more than one place as output, from
    the first convolution to the last of them. The last is "top".

    Raises:
        WeightsError: there is none.
    """
    layers = [layer for layer in model.layers if type(layer).__name__ in CHOSEN_FROM and _has_map(layer)]
    first = next((n for n, layer in enumerate(layers) if type(layer).__name__ in CONVOLUTIONS), len(layers))
    candidates = layers[first:]
    if not candidates:
        raise WeightsError("it has no convolution whose feature maps could be looked at.")
    places = np.linspace(0, len(candidates) - 1, min(LAYERS, len(candidates))).round().astype(int)
    chosen = [candidates[place].name for place in places]
    names = [re.sub(r"[^a-z0-9]+", "-", layer.lower()).strip("-") or "layer" for layer in chosen[:-1]]
    unique = [
        name if names.count(name) == 1 and name != "top" else f"{name}-{n}" for n, name in enumerate(names)
    ]
    return dict(zip([*unique, "top"], chosen, strict=True))


def _has_map(layer: Any) -> bool:
    """Say whether a layer has one output (n, h, w, c) with more than one place, or with places left open."""
    match tuple(getattr(getattr(layer, "output", None), "shape", ())):
        case (_, height, width, int()):
            return (height, width) != (1, 1)
    return False


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
    raise WeightsError(f"it has to take square RGB pictures (n, s, s, 3), not {shapes or 'nothing'}.")


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
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"its weights could not be downloaded: {reason}") from error


def _digest(model: Any) -> str:
    """Return the SHA-256 of all weights: a saved model holds the time of saving, and differs every time."""
    digest = hashlib.sha256()
    for weight in model.weights:
        digest.update(f"{weight.path} {weight.shape}".encode())
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def main() -> int:
    """Look at what the command line names; a refusal is one line on stderr."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    source, cache_dir = sys.argv[1:]
    try:
        examine(extra_network(source, Path(cache_dir)))
    except SemsearchError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
