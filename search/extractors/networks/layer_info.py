"""What is known of a network without building it: its taps, and their place, size and shape."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypedDict

from gallery.errors import NotFoundError

DESCRIPTIONS = Path(__file__).parent / "networks.json"


@dataclass(frozen=True)
class Tap:
    """One layer of a network whose feature map can be had.

    `type` is the Keras layer, `index` its number counted from 1 among the `total_layers` of the network up to
    its last tap, `parameters` the count up to and with it, `shape` (h, w, c) at the network's own input size.
    """

    name: str
    type: str
    index: int
    total_layers: int
    parameters: int
    shape: tuple[int, int, int]


class TapValues(TypedDict):
    """The plain values that `asdict` and JSON make of a tap."""

    name: str
    type: str
    index: int
    total_layers: int
    parameters: int
    shape: list[int]


def tap_from(values: TapValues) -> Tap:
    """Return a tap from its plain values."""
    height, width, channels = values["shape"]
    return Tap(
        name=values["name"],
        type=values["type"],
        index=values["index"],
        total_layers=values["total_layers"],
        parameters=values["parameters"],
        shape=(height, width, channels),
    )


@cache
def _committed() -> dict[str, tuple[Tap, ...]]:
    networks = json.loads(DESCRIPTIONS.read_text(encoding="utf-8"))
    return {name: tuple(tap_from(values) for values in taps) for name, taps in networks.items()}


def described(name: str) -> tuple[Tap, ...]:
    """Return the taps of a network that ships with the program, without loading a heavy library.

    Raises:
        NotFoundError: there is no such network.
    """
    try:
        return _committed()[name]
    except KeyError:
        raise NotFoundError(f"There is no description of a network called {name!r}.") from None
