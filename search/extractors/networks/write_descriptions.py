"""Builds networks to say what is in them.

`python -m search.extractors.networks.write_descriptions` writes networks.json.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from dataclasses import asdict
from typing import Any

from search.extractors.networks.layer_info import DESCRIPTIONS, Layer
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


def main() -> int:
    """Write the description of every network that ships with the program."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    networks = {network.name: [asdict(layer) for layer in description(network)] for network in NETWORKS}
    lines = [
        f" {json.dumps(name)}: [\n" + ",\n".join(f"  {json.dumps(layer)}" for layer in layers) + "\n ]"
        for name, layers in networks.items()
    ]
    DESCRIPTIONS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
