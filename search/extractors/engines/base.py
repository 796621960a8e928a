"""What every engine does: it runs one network up to some of its layers, and tells what it measured."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

from search.types import Vectors

Pixels = NDArray[np.uint8]  # (n, s, s, 3)
Maps = NDArray[np.float32]  # (n, h, w, c)
# What is done with the maps of a few pictures of a batch: takes where they start in it, and one map a layer
MapsWork: TypeAlias = Callable[[int, tuple[Maps, ...]], None]
Product: TypeAlias = Callable[[Vectors], Vectors]


class PrecisionValues(TypedDict):
    """A choice of precision: how close the faster one came to float32, and processor ms an image of each."""

    precision: str
    mean_cosine: float
    lowest_cosine: float
    ms: dict[str, float]


class Calibration(TypedDict, total=False):
    """What was measured to choose how a network runs, as far as there was anything to choose.

    OpenVINO tells its choice of `precision`; TensorFlow the `cosines` of float16 features to those of
    float32, and the `ms` of both.
    """

    precision: PrecisionValues
    cosines: dict[str, float]
    ms: dict[str, float]


class Engine(Protocol):
    """Runs one network up to some of its layers at one input size; may be called from several threads."""

    name: str

    def run(self, batch: Pixels) -> tuple[Maps, ...]:
        """Return the maps of raw RGB pictures, (n, s, s, 3) uint8 -> (n, h, w, c) float32 for each layer."""
        ...

    def each(self, batch: Pixels, work: MapsWork) -> None:
        """Call `work(start, maps)` for a few pictures at a time until all are done.

        The calls come in no set order and, where that is faster, from several threads at once; the maps are
        good until a call returns.
        """
        ...

    def product(self, components: NDArray[np.float32]) -> Product:
        """Return what multiplies vectors (n, d_in) by a matrix (d_in, d_out), as precisely as the network."""
        ...

    def calibration(self) -> Calibration:
        """Return what was measured to choose how the network runs, as plain values; {} when nothing was."""
        ...

    def costs_ms(self, batch: Pixels) -> tuple[float, ...]:
        """Return for each layer the measured milliseconds a picture of the network cut off behind it."""
        ...


def float32_product(components: NDArray[np.float32]) -> Product:
    """Return what multiplies vectors (n, d_in) by a matrix (d_in, d_out) in float32."""
    columns = np.asfortranarray(components)  # a single vector is multiplied a fifth faster
    return lambda vectors: np.ascontiguousarray(vectors @ columns)


def whole_maps(each: Callable[[Pixels, MapsWork], None], batch: Pixels) -> tuple[Maps, ...]:
    """Return the maps of a whole batch of at least one picture, each copied once."""
    whole: list[Maps] = []
    allocating = threading.Lock()

    def keep(start: int, maps: tuple[Maps, ...]) -> None:
        with allocating:
            if not whole:
                whole.extend(np.empty((len(batch), *part.shape[1:]), dtype=np.float32) for part in maps)
        for one, part in zip(whole, maps, strict=True):
            one[start : start + len(part)] = part

    each(batch, keep)
    return tuple(whole)
