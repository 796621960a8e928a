"""Builds networks to say what is in them.

`python -m search.extractors.networks.write_descriptions` writes networks.json, and for each network
that has a card on the networks page a file of all its layers.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gallery.system.home.shipped_files import shipped
from search.extractors.networks.layer_info import ALL_LAYERS_FOLDER, DESCRIPTIONS, Layer
from search.extractors.networks.network import Network
from search.extractors.networks.registry import NETWORKS

# layers that compute nothing with what was learned
HAND_ON = ("InputLayer", "Rescaling", "Normalization", "ZeroPadding2D", "Dropout", "Flip", "Lambda")


def description(network: Network) -> tuple[Layer, ...]:
    """Return the layers of a network as they are when it is really built, at its own input size."""
    if network.compute is not None:
        return network.described()
    model = network.build_without_weights(network.layers, network.input_size)
    return described_model(model, network.layers)


def described_model(model: Any, layers: tuple[str, ...]) -> tuple[Layer, ...]:
    """Return the description of a Keras model with one output a layer, in their order."""
    import keras

    every = list(model.layers)
    found: list[Layer] = []
    for name, output in zip(layers, model.outputs, strict=True):
        layer = output._keras_history.operation
        _, height, width, channels = output.shape
        found.append(
            Layer(
                name=name,
                type=type(layer).__name__,
                index=every.index(layer) + 1,
                total_layers=len(every),
                parameters=int(keras.Model(model.inputs, output).count_params()),
                shape=(height, width, channels),
                operations=_kinds(every[found[-1].index if found else 0 : every.index(layer) + 1]),
            )
        )
    return tuple(found)


def _kinds(layers: list[Any]) -> tuple[tuple[str, int], ...]:
    """Return the kinds of layers, with how many there are of each; those that only hand on are left out."""
    kinds = Counter(type(layer).__name__ for layer in layers)
    return tuple((kind, count) for kind, count in kinds.most_common() if kind not in HAND_ON)


def layer_rows(network: Network) -> list[tuple[str, str, list[int], int]]:
    """Return for every layer of a network its name, its class in Keras, its shape and its own parameters.

    They come in the order in which `described_model` counts them.
    """
    import keras

    keras.utils.clear_session(free_memory=False)  # it numbers the layers that have no name of their own
    model = network.build_without_weights(network.layers, network.input_size)
    return [
        (layer.name, type(layer).__name__, list(layer.output.shape[1:]), layer.count_params())
        for layer in model.layers
    ]


def write_all_layers(network: Network, folder: Path) -> None:
    """Write all layers of a network to `folder`/NAME.json, one a line."""
    rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in layer_rows(network))
    (folder / f"{network.name}.json").write_text(f"[\n{rows}\n]\n", encoding="utf-8")


def main() -> int:
    """Write the description of every network that ships with the program."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    networks = {network.name: [asdict(layer) for layer in description(network)] for network in NETWORKS}
    lines = [
        f" {json.dumps(name)}: [\n" + ",\n".join(f"  {json.dumps(layer)}" for layer in layers) + "\n ]"
        for name, layers in networks.items()
    ]
    DESCRIPTIONS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    folder = shipped("static") / ALL_LAYERS_FOLDER
    folder.mkdir(exist_ok=True)
    for network in NETWORKS:
        if not network.baseline:
            write_all_layers(network, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
