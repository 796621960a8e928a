"""Runs a Keras network as a compiled TensorFlow graph, on a graphics card when there is one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from search.extractors.engines.base import Calibration, Maps, MapsWork, Pixels, float32_product, whole_maps
from search.extractors.engines.precision import calibration_images, closeness
from search.extractors.engines.timing import least_ms
from search.extractors.networks.network import Network

BATCHES = (1, 8, 32)
GPU_BATCHES = (*BATCHES, 128)
MIXED = "mixed_float16"


class TensorFlowEngine:
    """Runs the network as a compiled graph; batches are padded to a few sizes, each traced once.

    Batches of several threads take turns. On a graphics card it computes in float16 where that is faster and
    measured to be harmless; on a processor float16 would only be emulated.
    """

    product = staticmethod(float32_product)

    def __init__(self, network: Network, layers: tuple[str, ...], input_size: int) -> None:
        import tensorflow as tf

        self._tf = tf
        self._running = threading.Lock()
        self._measured: Calibration = {}
        self._network = network.builder(layers, input_size)
        self._function = self._compiled(self._network)
        on_card = bool(tf.config.list_physical_devices("GPU"))
        self._sizes = GPU_BATCHES if on_card else BATCHES
        self.name = "tensorflow-gpu" if on_card else "tensorflow"
        if on_card:
            with computing_in(MIXED):
                mixed = network.builder(layers, input_size)
            if self._use_if_close(mixed, calibration_images(input_size)):
                self.name = "tensorflow-gpu-f16"

    def run(self, batch: Pixels) -> tuple[Maps, ...]:
        """Return the maps of raw RGB pictures, (n, s, s, 3) uint8 -> (n, h, w, c) float32 for each layer."""
        return whole_maps(self.each, batch)

    def each(self, batch: Pixels, work: MapsWork) -> None:
        """Call `work(start, maps)` for up to as many pictures as the largest compiled size takes."""
        for start in range(0, len(batch), self._sizes[-1]):
            with self._running:
                maps = self._run_padded(batch[start : start + self._sizes[-1]])
            work(start, maps)

    def calibration(self) -> Calibration:
        """Return what was measured to choose the precision, as plain values; {} on a processor."""
        return self._measured.copy()

    def costs_ms(self, batch: Pixels) -> tuple[float, ...]:
        """Return for each layer the measured milliseconds a picture of the network cut off behind it."""
        import keras

        pixels = self._tf.constant(batch)
        cut = [
            self._compiled(keras.Model(self._network.inputs[0], output)) for output in self._network.outputs
        ]
        costs = least_ms([partial(_one_value, run, pixels) for run in cut])
        return tuple(cost / len(batch) for cost in costs)

    def _use_if_close(self, mixed: Any, images: Pixels) -> bool:
        """Change to another build of the network if it is faster and its features are close to float32."""
        exact_function, exact = self._function, self.run(images)
        mixed_function = self._compiled(mixed)
        self._function = mixed_function
        close = closeness(exact, self.run(images))
        pixels = self._tf.constant(images)
        functions = (exact_function, mixed_function)
        exact_ms, mixed_ms = least_ms([partial(_one_value, run, pixels) for run in functions])
        self._measured = {"cosines": asdict(close), "ms": {"f32": exact_ms, MIXED: mixed_ms}}
        if close.enough and mixed_ms < exact_ms:
            self._network = mixed
            return True
        self._function = exact_function
        return False

    def _compiled(self, network: Any) -> Any:
        # No XLA: it was measured to be 15 times slower on processors.
        def maps(pixels: Any) -> list[Any]:
            found = network(self._tf.cast(pixels, self._tf.float32), training=False)
            return list(found) if isinstance(found, (list, tuple)) else [found]

        return self._tf.function(maps, autograph=False)

    def _run_padded(self, batch: Pixels) -> tuple[Maps, ...]:
        size = next(size for size in self._sizes if size >= len(batch))
        padded = np.zeros((size, *batch.shape[1:]), dtype=np.uint8)
        padded[: len(batch)] = batch
        found = self._function(self._tf.constant(padded))
        return tuple(np.ascontiguousarray(maps.numpy()[: len(batch)], dtype=np.float32) for maps in found)


@contextmanager
def computing_in(policy: str) -> Iterator[None]:
    """Build layers under a Keras dtype policy, such as mixed_float16: float32 weights, float16 arithmetic."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _one_value(run: Callable[[Any], list[Any]], pixels: Any) -> Any:
    """Run a graph and read one value back: the card is waited for without copying whole maps."""
    return run(pixels)[0][0, 0, 0, 0].numpy()
