"""Runs a network up to some of its taps, with OpenVINO on processors and TensorFlow on graphics cards."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError
from search.extractors.architecture import Architecture, Compute
from search.extractors.timing import least_ms

Pixels = NDArray[np.uint8]  # (n, s, s, 3)
Maps = NDArray[np.float32]  # (n, h, w, c)


class Engine(Protocol):
    """Runs one network up to some of its layers at one input size; may be called from several threads."""

    name: str

    def run(self, batch: Pixels) -> tuple[Maps, ...]:
        """Return the maps of raw RGB pictures, (n, s, s, 3) uint8 -> (n, h, w, c) float32 for each layer."""
        ...

    def chunks(self, batch: Pixels) -> Iterator[tuple[Maps, ...]]:
        """Yield the maps of a few pictures at a time, in order; they are good until the next are asked."""
        ...

    def costs_ms(self, batch: Pixels) -> tuple[float, ...]:
        """Return for each layer the measured milliseconds a picture of the network cut off behind it."""
        ...


class NumpyEngine:
    """Runs what is computed from the pixels without a network."""

    name = "numpy"

    def __init__(self, compute: Compute) -> None:
        self._compute = compute

    def run(self, batch: Pixels) -> tuple[Maps, ...]:
        """Return the one map of raw RGB pictures, (n, s, s, 3) uint8 -> (n, h, w, c) float32."""
        return (self._compute(batch),)

    def chunks(self, batch: Pixels) -> Iterator[tuple[Maps, ...]]:
        """Yield the map of one picture at a time."""
        return (self.run(batch[n : n + 1]) for n in range(len(batch)))

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
        from search.extractors.tensorflow_engine import TensorFlowEngine

        return TensorFlowEngine(architecture, layers, input_size)
    if kind == "openvino":
        from search.extractors.openvino_engine import OpenVINOEngine, converted

        return OpenVINOEngine(converted(architecture, layers, input_size, cache_dir), input_size)
    raise NotFoundError(f"There is no engine {kind!r}; there are auto, openvino and tensorflow.")


def joined(chunks: Iterable[tuple[Maps, ...]], count: int) -> tuple[Maps, ...]:
    """Return the maps of `count` pictures, at least one, from chunks of them, each copied once."""
    whole: tuple[Maps, ...] = ()
    start = 0
    for chunk in chunks:
        whole = whole or tuple(np.empty((count, *maps.shape[1:]), dtype=np.float32) for maps in chunk)
        for maps, part in zip(whole, chunk, strict=True):
            maps[start : start + len(part)] = part
        start += len(chunk[0])
    return whole


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
