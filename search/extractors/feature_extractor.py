"""Pictures in, feature vectors out, exactly as a `FeatureConfig` says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError, WeightsError
from search.extractors.engines.base import Calibration, Maps, Pixels
from search.extractors.engines.loading import load_engine
from search.extractors.networks.registry import architecture
from search.extractors.pooling import pooled_dims, pooling
from search.extractors.reduction import reduction
from search.extractors.resizing import DEFAULT_RESIZE, resized
from search.types import RGB, FeatureConfig, Vectors

DEFAULT_MODEL = "efficientnet-lite2"
DEFAULT_LAYER = "top"
DEFAULT_POOLING = "pyramid"
DEFAULT_REDUCTION = "lite2-pyramid-512"


class FeatureExtractor:
    """Makes feature vectors of one configuration; safe to call from several threads.

    A vector is: picture resized -> network up to the layer -> pooled -> reduced. Nothing is centred and the
    result is not brought to unit length: the index does both, once, with the mean of its own dataset.
    """

    def __init__(self, config: FeatureConfig, *, cache_dir: Path, engine: str = "auto") -> None:
        """Load the network.

        Raises:
            NotFoundError: the configuration names something that does not exist.
            WeightsError: the weights or the projection are missing or not those of the configuration.
        """
        network = architecture(config.model)
        if network.weights_digest != config.weights_digest:
            raise WeightsError(
                f"The features were made with other weights of {config.model} than those installed. "
                "Extract the features again."
            )
        self.config = config
        self._pool = pooling(config.pooling)
        self._reduction = reduction(config.reduction) if config.reduction else None
        if self._reduction and self._reduction.digest != config.reduction_digest:
            raise WeightsError(
                f"The projection {config.reduction} has changed since the features were made. "
                "Extract the features again."
            )
        self._pooled_dims = pooled_dims(config.pooling, network.map_shape(config.layer, config.input_size))
        self._engine = load_engine(
            network, (config.layer,), config.input_size, kind=engine, cache_dir=cache_dir
        )
        self._product = self._engine.product(self._reduction.components) if self._reduction else None

    @property
    def engine_name(self) -> str:
        """Return what runs the network, for example openvino-f32."""
        return self._engine.name

    def calibration(self) -> Calibration:
        """Return what was measured on this machine to choose how the network runs, as plain values."""
        return self._engine.calibration()

    def prepare(self, rgb: RGB) -> NDArray[np.uint8]:
        """Return a picture (h, w, 3) uint8 as the network takes it, (s, s, 3) uint8."""
        return resized(rgb, self.config.input_size, self.config.resize)

    def extract(self, prepared: Pixels) -> Vectors:
        """Return the vectors of prepared pictures in their order, (n, s, s, 3) uint8 -> (n, d) float32."""
        vectors = np.empty((len(prepared), self._pooled_dims), dtype=np.float32)

        def pool(start: int, maps: tuple[Maps, ...]) -> None:
            vectors[start : start + len(maps[0])] = self._pool(maps[0])

        self._engine.each(prepared, pool)
        return self._reduction.apply(vectors, self._product) if self._reduction else vectors

    def extract_query(self, rgb: RGB, *, query_mirror: bool = False) -> NDArray[np.float32]:
        """Return the vector (d,) float32 of a picture to search with.

        With `query_mirror` it is the mean of the vectors of the picture and of its mirror image. The only
        normalisation before the mean is the one inside the pooling (the pyramid's parts): each view is
        pooled and reduced, then the two are averaged, and the index centres and normalises the mean.
        """
        prepared = self.prepare(rgb)
        views = [prepared, prepared[:, ::-1]] if query_mirror else [prepared]
        return np.asarray(self.extract(np.stack(views)).mean(axis=0), dtype=np.float32)


def live_config(
    *,
    model: str = DEFAULT_MODEL,
    layer: str = DEFAULT_LAYER,
    pooling: str = DEFAULT_POOLING,
    reduction_name: str | None = None,
    input_size: int | None = None,
    resize: str = DEFAULT_RESIZE,
) -> FeatureConfig:
    """Return a full configuration, the chosen default where nothing else is asked for.

    `reduction_name` None means the default projection where it fits the network, layer and pooling, else
    none; "" means none. `input_size` None means the side the network was trained at.

    Raises:
        NotFoundError: something named does not exist, or the projection does not fit.
    """
    network = architecture(model)
    network.require_tap(layer)
    size = input_size or network.input_size
    dims, digest = pooled_dims(pooling, network.map_shape(layer, size)), ""
    if reduction_name is None:
        fits = reduction(DEFAULT_REDUCTION).fits(model, layer, pooling)
        reduction_name = DEFAULT_REDUCTION if fits else ""
    if reduction_name:
        chosen = reduction(reduction_name)
        if not chosen.fits(model, layer, pooling):
            raise NotFoundError(f"The projection {reduction_name} is for {chosen.model}, {chosen.pooling}.")
        dims, digest = chosen.dims, chosen.digest
    return FeatureConfig(
        model=model,
        layer=layer,
        pooling=pooling,
        reduction=reduction_name,
        reduction_digest=digest,
        input_size=size,
        resize=resize,
        weights_digest=network.weights_digest,
        dims=dims,
    )
