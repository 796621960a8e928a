"""Feature maps of images as a network gives them, made in one pass and kept in memory while there is room.

They are what scores are explained with: what is kept on the disk of a layer is pictures, not numbers.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError, WeightsError
from gallery.models import Image
from gallery.system.concurrency.places import Places
from gallery.system.concurrency.single_flight import SingleFlight
from search.extractors import parts
from search.extractors.cell_shares import LinearScore, Map, Shares, cell_shares, coarser
from search.extractors.networks.registry import get_network
from search.extractors.pooling import pooling
from search.extractors.resizing import Box, Square, over_whole, square
from search.features import feature_maps, loaded_extractors, tunings
from search.tuned.tuning import Tuning
from search.types import FeatureConfig

KEPT_BYTES = 48 * 2**20  # of a process: 116 maps of the default configuration
# Of the 16 requests that a web process answers at once so many run a network for a map.
MAKING = 2
ASKING = 12
WAIT_S = 10.0
BUSY = "Many feature maps are being made: try again in a moment."


class NoMapError(NotFoundError):
    """Features were not made of a map, so that no place of the image has a share in a score."""

    code = "no_map"


@dataclass(frozen=True)
class KeptMap:
    """A map (h, w, c) of an image, the vector (d,) made of it, and where it lies over the image.

    `square` is what the network saw, as shares of the sides of the upright image. Where a vector is tuned,
    `plain` is what it was made of.
    """

    values: Map
    vector: NDArray[np.float32]
    square: Box
    pooling: str
    components: NDArray[np.float32] | None
    plain: NDArray[np.float32] | None = None
    tuning: Tuning | None = None

    def shares(self, score: LinearScore) -> Shares:
        """Return the shares of its cells, of fine maps several together, in a score of its vector."""
        if self.tuning is not None and self.plain is not None:
            direction, constant = self.tuning.linear_part(self.plain, score.direction)
            score = LinearScore(direction, constant + score.constant)
        return coarser(cell_shares(self.values, self.pooling, score, self.components))

    def of_part(self, name: str) -> KeptMap:
        """Return the map of a part of the image, and its vector."""
        box = parts.PARTS[name]
        values = parts.cut(self.values, box)
        vector = pooling(self.pooling)(values[None])[0]
        if self.components is not None:
            vector = vector @ self.components
        return replace(self, values=values, vector=vector, square=over_whole(box, self.square))

    def tuned(self, tuning: Tuning | None) -> KeptMap:
        """Return the same map, whose vector is tuned."""
        if tuning is None:
            return self
        return replace(self, vector=tuning.tuned(self.vector[None])[0], plain=self.vector, tuning=tuning)


class _Kept:
    """The maps that were used last, as many as there is room for. Safe in threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes, self._bytes = most_bytes, 0
        self._kept: OrderedDict[Hashable, KeptMap] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> KeptMap | None:
        """Return what is kept under a key, which is then the last to go."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: Hashable, made: KeptMap) -> KeptMap:
        """Keep a map, and let go of what was not used for longest."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._bytes += made.values.nbytes
            while self._bytes > self._most_bytes:
                self._bytes -= self._kept.popitem(last=False)[1].values.nbytes
        return made


_kept = _Kept(KEPT_BYTES)
_flights: SingleFlight[KeptMap] = SingleFlight(Places(MAKING, WAIT_S, BUSY), ASKING, 2 * WAIT_S, BUSY)


def of_image(image: Image, config: FeatureConfig, *, any_layer: bool = False) -> KeptMap:
    """Return the map of a stored image under a configuration.

    With `any_layer` the network is one that gives all its layers, as somebody needs who looks at several.

    Raises: NoMapError, where its features are not made of a map; WeightsError; BusyError; NotFoundError where
    the file is gone; StorageUnavailableError.
    """
    config, tuning = _plain(config)
    key = (image.pk, image.sha256, config)

    def seen() -> Square:
        with feature_maps.pixels_of(image, config.input_size) as rgb:
            return square(rgb, config.input_size, config.resize)

    return _map(key, config, seen, any_layer=any_layer).tuned(tuning)


def of_square(seen: Square, config: FeatureConfig) -> KeptMap:
    """Return the map of what a network takes of a picture under a configuration. Raises: as `of_image`."""
    digest = hashlib.blake2b(np.ascontiguousarray(seen.pixels).data, digest_size=16).digest()
    config, tuning = _plain(config)
    return _map((digest, seen.over, config), config, lambda: seen).tuned(tuning)


def _map(
    key: Hashable, config: FeatureConfig, seen: Callable[[], Square], *, any_layer: bool = False
) -> KeptMap:
    require_map(config)
    found = _kept.get(key)
    if found is not None:
        return found
    return _flights.do(key, lambda: _kept.put(key, _made(config, seen(), any_layer=any_layer)))


def _plain(config: FeatureConfig) -> tuple[FeatureConfig, Tuning | None]:
    """Return the configuration whose maps are kept, and what tunes the vectors made of them."""
    return tunings.plain(config), tunings.tuning_of(config)


def require_map(config: FeatureConfig) -> None:
    """Refuse a configuration whose features are not made of maps. Raises: NoMapError; NetworkGoneError."""
    loaded_extractors.require_known(config.model)
    network = get_network(config.model)
    if network.compute is not None:
        raise NoMapError(
            f"{network.title} is computed from all pixels at once: no place has a share of its own."
        )
    if config.layer in network.layers and network.map_shape(config.layer, config.input_size)[:2] == (1, 1):
        raise NoMapError(
            f"{network.title} gives one vector of all of an image: no place has a share of its own."
        )


def _made(config: FeatureConfig, seen: Square, *, any_layer: bool) -> KeptMap:
    components = None
    if any_layer and not config.reduction:
        if get_network(config.model).weights_digest != config.weights_digest:
            raise WeightsError(f"The weights of {config.model} are others now: compute the experiment again.")
        network = feature_maps.all_layers(config.model, config.weights_digest)
        values = network.maps(seen.pixels[None])[network.layers.index(config.layer)][0]
    else:
        extractor = loaded_extractors.extractor(config)
        values, components = extractor.maps(seen.pixels[None])[0], extractor.components
    vector = pooling(config.pooling)(values[None])[0]
    if components is not None:
        vector = vector @ components
    return KeptMap(np.ascontiguousarray(values), vector, seen.over, config.pooling, components)
