"""What is known of a network without building it: its layers, and their place, size and shape."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NotRequired, TypedDict, TypeVar

from gallery.errors import NotFoundError

T = TypeVar("T")

LAYERS = 8  # of a network that are looked at
DESCRIPTIONS = Path(__file__).parent / "networks.json"
ALL_LAYERS_FOLDER = "networks"  # below static/, NAME.json: all layers of a network


@dataclass(frozen=True)
class Layer:
    """One layer of a network whose feature map can be had.

    `type` is the Keras layer, `index` its number counted from 1 among the `total_layers` of the network up to
    its last layer, `parameters` the count up to and with it, `shape` (h, w, c) at its own input size.
    `operations` are the kinds of all layers since the one listed before it, and how many there are of each.
    """

    name: str
    type: str
    index: int
    total_layers: int
    parameters: int
    shape: tuple[int, int, int]
    operations: tuple[tuple[str, int], ...] = ()


class LayerValues(TypedDict):
    """The plain values that `asdict` and JSON make of a layer."""

    name: str
    type: str
    index: int
    total_layers: int
    parameters: int
    shape: list[int]
    operations: NotRequired[list[list[Any]]]


def in_short(error: Exception) -> str:
    """Return the beginning of what a library says of an error, as one line without colours."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split())[:300]


def layer_values(layer: Layer) -> LayerValues:
    """Return the plain values of a layer."""
    return {
        "name": layer.name,
        "type": layer.type,
        "index": layer.index,
        "total_layers": layer.total_layers,
        "parameters": layer.parameters,
        "shape": list(layer.shape),
    }


def spread(candidates: Sequence[T]) -> list[T]:
    """Return up to eight of some candidates in order: the first, the last, and evenly between them."""
    count = min(LAYERS, len(candidates))
    return [candidates[round(n * (len(candidates) - 1) / max(1, count - 1))] for n in range(count)]


def layer_from(values: LayerValues) -> Layer:
    """Return a layer from its plain values."""
    height, width, channels = values["shape"]
    return Layer(
        name=values["name"],
        type=values["type"],
        index=values["index"],
        total_layers=values["total_layers"],
        parameters=values["parameters"],
        shape=(height, width, channels),
        operations=tuple((kind, count) for kind, count in values.get("operations", [])),
    )


@cache
def _committed() -> dict[str, tuple[Layer, ...]]:
    networks = json.loads(DESCRIPTIONS.read_text(encoding="utf-8"))
    return {name: tuple(layer_from(values) for values in layers) for name, layers in networks.items()}


def described(name: str) -> tuple[Layer, ...]:
    """Return the layers of a network that ships with the program, without loading a heavy library.

    Raises:
        NotFoundError: there is no such network.
    """
    try:
        return _committed()[name]
    except KeyError:
        raise NotFoundError(f"There is no description of a network called {name!r}.") from None
