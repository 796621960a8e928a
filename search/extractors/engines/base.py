"""Runs a network up to some of its taps, with OpenVINO on processors and TensorFlow on graphics cards."""

from __future__ import annotations

import importlib.util
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError
from search.extractors.engines.timing import least_ms
from search.extractors.networks.architecture import Architecture, Compute
from search.types import Vectors

Pixels = NDArray[np.uint8]  # (n, s, s, 3)
Maps = NDArray[np.float32]  # (n, h, w, c)
# What is done with the maps of a few pictures of a batch: takes where they start in it, and one map a layer
MapsWork: TypeAlias = Callable[[int, tuple[Maps, ...]], None]
Product: TypeAlias = Callable[[Vectors], Vectors]


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

    def calibration(self) -> dict[str, Any]:
        """Return what was measured to choose how the network runs, as plain values; {} when nothing was."""
        ...

    def costs_ms(self, batch: Pixels) -> tuple[float, ...]:
        """Return for each layer the measured milliseconds a picture of the network cut off behind it."""
        ...


def float32_product(components: NDArray[np.float32]) -> Product:
    """Return what multiplies vectors (n, d_in) by a matrix (d_in, d_out) in float32."""
    columns = np.asfortranarray(components)  # a single vector is multiplied a fifth faster
    return lambda vectors: np.ascontiguousarray(vectors @ columns)


class NumpyEngine:
    """Runs what is computed from the pixels without a network."""

    name = "numpy"
    product = staticmethod(float32_product)

    def __init__(self, compute: Compute) -> None:
        self._compute = compute

    def run(self, batch: Pixels) -> tuple[Maps, ...]:
        """Return the one map of raw RGB pictures, (n, s, s, 3) uint8 -> (n, h, w, c) float32."""
        return (self._compute(batch),)

    def each(self, batch: Pixels, work: MapsWork) -> None:
        """Call `work` with the map of one picture at a time."""
        for start in range(len(batch)):
            work(start, self.run(batch[start : start + 1]))

    def calibration(self) -> dict[str, Any]:
        """Return {}: there is nothing to choose."""
        return {}

    def costs_ms(self, batch: Pixels) -> tuple[float, ...]:
        """Return the measured milliseconds a picture."""
        (cost,) = least_ms([lambda: self._compute(batch)])
        return (cost / len(batch),)


def load_engine(
    architecture: Architecture,
    layers: tuple[str, ...],
    input_size: int,
    *,
    kind: str = "auto",
    cache_dir: Path,
) -> Engine:
    """Return an engine for a network, taps and input size; `kind` is auto, openvino or tensorflow.

    "auto" is TensorFlow when it sees a graphics card, else OpenVINO when installed, else TensorFlow.

    Raises:
        NotFoundError: there is no such tap or kind of engine.
        WeightsError: the weights cannot be had or the conversion failed.
    """
    for layer in layers:
        architecture.require_tap(layer)
    if architecture.compute is not None:
        return NumpyEngine(architecture.compute)
    if kind == "auto":
        kind = _best_kind()
    if kind == "tensorflow":
        from search.extractors.engines.tensorflow import TensorFlowEngine

        return TensorFlowEngine(architecture, layers, input_size)
    if kind == "openvino":
        from search.extractors.engines.openvino import OpenVINOEngine, converted

        return OpenVINOEngine(converted(architecture, layers, input_size, cache_dir), input_size)
    raise NotFoundError(f"There is no engine {kind!r}; there are auto, openvino and tensorflow.")


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


def _best_kind() -> str:
    openvino_installed = importlib.util.find_spec("openvino") is not None
    if not openvino_installed or (_may_have_gpu() and _tensorflow_sees_gpu()):
        return "tensorflow"
    return "openvino"


def _may_have_gpu() -> bool:
    """Look for a graphics card without TensorFlow, whose import costs seconds."""
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None


def _tensorflow_sees_gpu() -> bool:
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
