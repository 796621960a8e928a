"""Pictures in, one feature vector for each of several layers out, in one pass of the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.extractors.engines.base import Maps, Pixels
from search.extractors.engines.loading import load_engine
from search.extractors.networks.registry import get_network
from search.extractors.pooling import pooled_dims
from search.extractors.pooling import pooling as pooling_named
from search.extractors.resizing import DEFAULT_RESIZE, resized
from search.types import RGB, Vectors

TIMED_IMAGES = 4


class MultiLayerExtractor:
    """Makes the unreduced vectors of several layers of a network; safe to call from several threads.

    A layer's vectors are those of a `FeatureExtractor` with `live_config(..., pca_name="")`.
    """

    def __init__(
        self,
        model: str,
        layers: tuple[str, ...],
        *,
        pooling: str,
        input_size: int | None = None,
        resize: str | None = None,
        cache_dir: Path,
        engine: str = "auto",
    ) -> None:
        """Load the network; `input_size` None means the side it was trained at, `resize` None its own way.

        Raises:
            NotFoundError: something named does not exist.
            WeightsError: the weights are missing or damaged.
            TooLargeError: the vectors of a layer would be too long.
        """
        network = get_network(model)
        self.layers = layers
        self._input_size = input_size or network.input_size
        self._resize = resize or network.resize or DEFAULT_RESIZE
        self._pool = pooling_named(pooling)
        self.dims = tuple(
            pooled_dims(pooling, network.map_shape(layer, self._input_size)) for layer in layers
        )
        self._engine = load_engine(network, layers, self._input_size, kind=engine, cache_dir=cache_dir)

    @property
    def engine_name(self) -> str:
        """Return what runs the network, for example openvino-f32."""
        return self._engine.name

    def prepare(self, rgb: RGB) -> NDArray[np.uint8]:
        """Return a picture (h, w, 3) uint8 as the network takes it, (s, s, 3) uint8."""
        return resized(rgb, self._input_size, self._resize)

    def extract(self, prepared: Pixels) -> tuple[Vectors, ...]:
        """Return the vectors of each layer, (n, s, s, 3) uint8 -> (n, d) float32, n > 0.

        Maps are pooled a few pictures at a time: those of a whole batch are never held.
        """
        vectors = tuple(np.empty((len(prepared), dims), dtype=np.float32) for dims in self.dims)

        def pool(start: int, layers: tuple[Maps, ...]) -> None:
            for layer_vectors, maps in zip(vectors, layers, strict=True):
                layer_vectors[start : start + len(maps)] = self._pool(maps)

        self._engine.each(prepared, pool)
        return vectors

    def maps(self, prepared: Pixels) -> tuple[Maps, ...]:
        """Return the feature maps of each layer, (n, s, s, 3) uint8 -> (n, h, w, c) float32."""
        return self._engine.run(prepared)

    def costs_ms(self) -> tuple[float, ...]:
        """Return for each layer the measured milliseconds a picture of the network cut off behind it.

        Resizing and pooling are not counted.
        """
        side = self._input_size
        pixels = np.random.default_rng(0).integers(0, 256, (TIMED_IMAGES, side, side, 3), dtype=np.uint8)
        return self._engine.costs_ms(pixels)
