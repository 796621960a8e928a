"""Pictures in, feature vectors out, exactly as a `FeatureConfig` says."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError, WeightsError
from search.extractors import parts
from search.extractors.engines.base import Calibration, Maps, Pixels
from search.extractors.engines.loading import load_engine
from search.extractors.networks.network import Head, Network
from search.extractors.networks.registry import get_network
from search.extractors.pca.components import load_pca
from search.extractors.pooling import average, pooled_dims, pooling
from search.extractors.resizing import DEFAULT_RESIZE, resized
from search.tuned.tuning import Tuning
from search.types import RGB, FeatureConfig, Vectors

logger = logging.getLogger(__name__)

DEFAULT_MODEL = "efficientnet-lite2"
DEFAULT_LAYER = "top"
DEFAULT_POOLING = "pyramid"
DEFAULT_PCA = "lite2-pyramid-512"
HEAD_LAYER = "top"  # whose map a classifier takes


class FeatureExtractor:
    """Makes feature vectors of one configuration; safe to call from several threads.

    A vector is: picture resized -> network up to the layer -> pooled -> reduced -> tuned, where anything is.
    Nothing is centred and the result is not brought to unit length: the index does both, once, with the mean
    of its own dataset.
    """

    def __init__(self, config: FeatureConfig, *, cache_dir: Path, engine: str = "auto") -> None:
        """Load the network.

        Raises:
            NotFoundError: the configuration names something that does not exist.
            WeightsError: the weights or the PCA are missing or not those of the configuration.
        """
        network = get_network(config.model)
        if network.weights_digest != config.weights_digest:
            raise WeightsError(
                f"The features were made with other weights of {config.model} than those installed. "
                "Extract the features again."
            )
        self.config = config
        self._tuning: Tuning | None = None
        self._pool = pooling(config.pooling)
        self._pca = load_pca(config.reduction) if config.reduction else None
        if self._pca and self._pca.digest != config.reduction_digest:
            raise WeightsError(
                f"The PCA {config.reduction} has changed since the features were made. "
                "Extract the features again."
            )
        self._pooled_dims = pooled_dims(config.pooling, network.map_shape(config.layer, config.input_size))
        self._engine = load_engine(
            network, (config.layer,), config.input_size, kind=engine, cache_dir=cache_dir
        )
        self._product = self._engine.product(self._pca.components) if self._pca else None

    def tuned(self, config: FeatureConfig, tuning: Tuning) -> FeatureExtractor:
        """Return an extractor of tuned vectors, which runs the same network."""
        found = copy.copy(self)
        found.config, found._tuning = config, tuning
        return found

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
        return self._reduced(vectors)

    def extract_with_logits(self, prepared: Pixels) -> tuple[Vectors, Vectors | None]:
        """Return the same vectors and, of the same pass, the logits of ImageNet's classes (n, 1000) float32.

        The logits are None where the network has no classifier behind the layer.
        """
        if self._head is None:
            return self.extract(prepared), None
        weights, bias = self._head
        vectors = np.empty((len(prepared), self._pooled_dims), dtype=np.float32)
        averages = np.empty((len(prepared), len(weights)), dtype=np.float32)

        def pool(start: int, maps: tuple[Maps, ...]) -> None:
            end = start + len(maps[0])
            vectors[start:end], averages[start:end] = self._pool(maps[0]), average(maps[0])

        self._engine.each(prepared, pool)
        return self._reduced(vectors), averages @ weights + bias

    @cached_property
    def _head(self) -> Head | None:
        """The classifier, read when images are first extracted to be stored: searches need none."""
        return _head_of(get_network(self.config.model)) if self.config.layer == HEAD_LAYER else None

    def _reduced(self, vectors: Vectors) -> Vectors:
        """Return pooled vectors as they are stored."""
        if self._pca:
            vectors = self._pca.apply(vectors, self._product)
        return self._tuning.tuned(vectors) if self._tuning else vectors

    def maps(self, prepared: Pixels) -> Maps:
        """Return the feature maps that vectors are pooled of, (n, s, s, 3) uint8 -> (n, h, w, c) float32."""
        return self._engine.run(prepared)[0]

    def extract_parts(self, prepared: Pixels, names: Sequence[str]) -> list[Vectors]:
        """Return the vectors (n, d) of parts of prepared pictures, one array a part, by one pass.

        The empty name is that of the whole.
        """
        maps = self.maps(prepared)
        found = []
        for name in names:
            vectors = self._pool(parts.cut(maps, parts.box_of(name)))
            found.append(self._pca.apply(vectors, self._product) if self._pca else vectors)
        return found

    @property
    def components(self) -> NDArray[np.float32] | None:
        """Return the matrix (d_pooled, d) that reduces pooled vectors, None where nothing does."""
        return self._pca.components if self._pca else None


def _head_of(network: Network) -> Head | None:
    """Return the classifier of a network; features come without it where it is not to be had."""
    try:
        return network.head() if network.head is not None else None
    except WeightsError as error:
        logger.warning("No words are looked for with %s: %s", network.title, error.detail)
        return None


def live_config(
    *,
    model: str = DEFAULT_MODEL,
    layer: str = DEFAULT_LAYER,
    pooling: str = DEFAULT_POOLING,
    pca_name: str | None = None,
    input_size: int | None = None,
    resize: str | None = None,
) -> FeatureConfig:
    """Return a full configuration, the chosen default where nothing else is asked for.

    `pca_name` None means the default PCA where it fits the network, layer and pooling, else
    none; "" means none. `input_size` None means the side the network was trained at, and `resize` None its
    own way.

    Raises:
        NotFoundError: something named does not exist, or the PCA does not fit.
    """
    if parts.divided(pooling)[1] is not None:
        raise NotFoundError(f"{pooling} is the pooling of a part: name that of whole images.")
    network = get_network(model)
    network.require_layer(layer)
    size = input_size or network.input_size
    dims, digest = pooled_dims(pooling, network.map_shape(layer, size)), ""
    if pca_name is None:
        fits = load_pca(DEFAULT_PCA).fits(model, layer, pooling)
        pca_name = DEFAULT_PCA if fits else ""
    if pca_name:
        chosen = load_pca(pca_name)
        if not chosen.fits(model, layer, pooling):
            raise NotFoundError(f"The PCA {pca_name} is for {chosen.model}, {chosen.pooling}.")
        dims, digest = chosen.dims, chosen.digest
    return FeatureConfig(
        model=model,
        layer=layer,
        pooling=pooling,
        reduction=pca_name,
        reduction_digest=digest,
        input_size=size,
        resize=resize or network.resize or DEFAULT_RESIZE,
        weights_digest=network.weights_digest,
        dims=dims,
    )
