"""Builds networks to say what is in them.

`python -m search.extractors.networks.write_descriptions` writes networks.json.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import Any

from search.extractors.networks.architecture import Architecture
from search.extractors.networks.layer_info import DESCRIPTIONS, Tap
from search.extractors.networks.registry import ARCHITECTURES


def description(architecture: Architecture) -> tuple[Tap, ...]:
    """Return the taps of a network as they are when it is really built, at its own input size."""
    if architecture.compute is not None:
        return architecture.described()
    model = architecture.layout(architecture.taps, architecture.input_size)
    return described_model(model, architecture.taps)


def described_model(model: Any, taps: tuple[str, ...]) -> tuple[Tap, ...]:
    """Return the description of a Keras model with one output a tap, in their order."""
    import keras

    layers = list(model.layers)
    found = []
    for name, output in zip(taps, model.outputs, strict=True):
        layer = output._keras_history.operation
        _, height, width, channels = output.shape
        found.append(
            Tap(
                name=name,
                type=type(layer).__name__,
                index=layers.index(layer) + 1,
                total_layers=len(layers),
                parameters=int(keras.Model(model.inputs, output).count_params()),
                shape=(height, width, channels),
            )
        )
    return tuple(found)


def main() -> int:
    """Write the description of every network that ships with the program."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    networks = {
        architecture.name: [asdict(tap) for tap in description(architecture)]
        for architecture in ARCHITECTURES
    }
    lines = [
        f" {json.dumps(name)}: [\n" + ",\n".join(f"  {json.dumps(tap)}" for tap in taps) + "\n ]"
        for name, taps in networks.items()
    ]
    DESCRIPTIONS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
