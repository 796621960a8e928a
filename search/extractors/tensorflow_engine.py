"""Runs a Keras network as a compiled TensorFlow graph."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from search.extractors.architecture import Architecture
from search.extractors.engines import Maps, Pixels, joined
from search.extractors.timing import least_ms

BATCHES = (1, 8, 32)


class TensorFlowEngine:
    """Runs the network as a compiled graph; batches are padded to a few sizes, each traced once."""

    def __init__(self, architecture: Architecture, layers: tuple[str, ...], input_size: int) -> None:
        import tensorflow as tf

        self._tf = tf
        self._network = architecture.builder(layers, input_size)
        self._function = self._compiled(self._network)
        self.name = "tensorflow-gpu" if tf.config.list_physical_devices("GPU") else "tensorflow"

    def run(self, batch: Pixels) -> tuple[Maps, ...]:
        """Return the maps of raw RGB pictures, (n, s, s, 3) uint8 -> (n, h, w, c) float32 for each layer."""
        return joined(self.chunks(batch), len(batch))

    def chunks(self, batch: Pixels) -> Iterator[tuple[Maps, ...]]:
        """Yield the maps of up to as many pictures as the largest compiled size takes."""
        for start in range(0, len(batch), BATCHES[-1]):
            yield self._run_padded(batch[start : start + BATCHES[-1]])

    def costs_ms(self, batch: Pixels) -> tuple[float, ...]:
        """Return for each layer the measured milliseconds a picture of the network cut off behind it."""
        import keras

        pixels = self._tf.constant(batch)
        cut = [
            self._compiled(keras.Model(self._network.inputs[0], output)) for output in self._network.outputs
        ]
        # One value is read back, so that the card is waited for without copying whole maps.
        costs = least_ms([partial(lambda run: run(pixels)[0][0, 0, 0, 0].numpy(), run) for run in cut])
        return tuple(cost / len(batch) for cost in costs)

    def _compiled(self, network: Any) -> Any:
        # No XLA: it was measured to be 15 times slower on processors.
        def maps(pixels: Any) -> list[Any]:
            found = network(self._tf.cast(pixels, self._tf.float32), training=False)
            return list(found) if isinstance(found, (list, tuple)) else [found]

        return self._tf.function(maps, autograph=False)

    def _run_padded(self, batch: Pixels) -> tuple[Maps, ...]:
        size = next(size for size in BATCHES if size >= len(batch))
        padded = np.zeros((size, *batch.shape[1:]), dtype=np.uint8)
        padded[: len(batch)] = batch
        found = self._function(self._tf.constant(padded))
        return tuple(np.ascontiguousarray(maps.numpy()[: len(batch)], dtype=np.float32) for maps in found)
