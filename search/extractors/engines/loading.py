"""Chooses the engine that runs a network on this machine, and loads it."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from gallery.errors import NotFoundError
from search.extractors.engines.base import Calibration, Engine, Maps, MapsWork, Pixels, float32_product
from search.extractors.engines.needs_tensorflow import require_tensorflow, tensorflow_installed
from search.extractors.engines.timing import least_ms
from search.extractors.networks.network import Compute, Network


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

    def calibration(self) -> Calibration:
        """Return {}: there is nothing to choose."""
        return {}

    def costs_ms(self, batch: Pixels) -> tuple[float, ...]:
        """Return the measured milliseconds a picture."""
        (cost,) = least_ms([lambda: self._compute(batch)])
        return (cost / len(batch),)


def load_engine(
    network: Network,
    layers: tuple[str, ...],
    input_size: int,
    *,
    kind: str = "auto",
    cache_dir: Path,
) -> Engine:
    """Return an engine for a network, layers and input size; `kind` is auto, openvino or tensorflow.

    "auto" is TensorFlow when it sees a graphics card, else OpenVINO when installed, else TensorFlow.

    Raises:
        NotFoundError: there is no such layer or kind of engine.
        WeightsError: the weights cannot be had, the conversion failed, or it needs TensorFlow.
    """
    for layer in layers:
        network.require_layer(layer)
    if network.compute is not None:
        return NumpyEngine(network.compute)
    if kind == "auto":
        kind = "openvino" if network.write_ir is not None else _best_kind()
    if kind == "tensorflow":
        require_tensorflow("The engine tensorflow")
        from search.extractors.engines.tensorflow import TensorFlowEngine

        return TensorFlowEngine(network, layers, input_size)
    if kind == "openvino":
        from search.extractors.engines.conversion import converted
        from search.extractors.engines.openvino import OpenVINOEngine

        return OpenVINOEngine(converted(network, layers, input_size, cache_dir), input_size)
    raise NotFoundError(f"There is no engine {kind!r}; there are auto, openvino and tensorflow.")


def _best_kind() -> str:
    openvino_installed = importlib.util.find_spec("openvino") is not None
    if not openvino_installed or (_may_have_gpu() and _tensorflow_sees_gpu()):
        return "tensorflow"
    return "openvino"


def _may_have_gpu() -> bool:
    """Look for a graphics card that TensorFlow could use, without its import, which costs seconds."""
    if not tensorflow_installed():
        return False
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None


def _tensorflow_sees_gpu() -> bool:
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
