"""What a layer makes of a stored picture: its strongest channels as small pictures, made once and kept.

All that is kept of a layer is one file: a zip of the list and the pictures.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage
from django.urls import reverse

from gallery.errors import NotFoundError, WeightsError
from gallery.imaging import decoding
from gallery.imaging.limits import image_limits
from gallery.models import Image
from gallery.system.concurrency.kept_while_used import KeptWhileUsed
from gallery.system.concurrency.places import Places
from gallery.system.concurrency.single_flight import SingleFlight
from gallery.system.home import derived_files
from search.extractors.map_images import coloured, strongest_channels
from search.extractors.multi_layer_extractor import MultiLayerExtractor
from search.extractors.networks.network import Network
from search.extractors.networks.registry import get_network
from search.stored_folders import FEATURE_MAPS
from search.types import RGB

SIDE = 112
QUALITY = 80
VERSION = 2  # raise when pictures come to look different; what is kept is then passed over
KEPT_NETWORKS = 4  # in memory

LISTED = "list.json"
ENDING = ".zip"
# Of the 16 requests that a web process answers at once so many make maps, and so many ask for what is not yet
# made: the first use of a network may take half a minute, and the others must not wait for it.
MAKING = 2
ASKING = 12
WAIT_S = 10.0
BUSY = "Many feature maps are being made: try again in a moment."


@dataclass(frozen=True)
class FeatureMap:
    """One channel: its number counted from 0, its mean over the map, and the address of its picture."""

    channel: int
    mean: float
    address: str


@dataclass(frozen=True)
class FeatureMaps:
    """The shape (h, w, c) of a layer's map for an image, its strongest channels, and the means of all c."""

    shape: tuple[int, int, int]
    maps: list[FeatureMap]
    means: list[float]

    def has(self, count: int) -> bool:
        """Whether these are as many channels as are asked for, or all there are."""
        return len(self.maps) >= min(count, self.shape[2])


_flights: SingleFlight[FeatureMaps] = SingleFlight(Places(MAKING, WAIT_S, BUSY), ASKING, 2 * WAIT_S, BUSY)


def feature_maps(image: Image, model: str, layer: str, count: int) -> FeatureMaps:
    """Return up to `count` channels of a layer with the largest means, making the pictures that are missing.

    Raises:
        NotFoundError: there is no such network or layer, it has no maps, or the picture's file is gone.
        WeightsError: the network cannot be used here.
        BusyError: too many ask for what is not made yet.
        StorageUnavailableError: the storage does not answer.
    """
    network = get_network(model)
    network.require_layer(layer)
    if network.compute is not None:
        raise NotFoundError(f"{network.title} is computed from pixels: it has no feature maps.")
    if network.map_shape(layer, network.input_size)[:2] == (1, 1):
        raise NotFoundError(f"{network.title} gives one vector of an image: it has no feature maps.")
    if reason := network.unavailable_reason():
        raise WeightsError(reason)
    key = f"{FEATURE_MAPS}/{image.pk}/{model}-{network.weights_digest[:12]}-v{VERSION}-{layer}"
    found = _kept(key, count)
    while found is None or not found.has(count):
        # who makes it may have been asked for less
        found = _flights.do(key, lambda: _kept(key, count) or _make(image, network, layer, count, key))
    return FeatureMaps(found.shape, found.maps[:count], found.means)


def open_image(path: str) -> IO[bytes]:
    """Return the picture of a channel by the path in its address.

    Raises: FileNotFoundError where it is not kept; StorageUnavailableError.
    """
    name = PurePosixPath(path)
    content = derived_files.read(str(name.parent), used=False)
    try:
        with zipfile.ZipFile(io.BytesIO(content or b"")) as bundle:
            return io.BytesIO(bundle.read(name.name))
    except (KeyError, zipfile.BadZipFile) as error:
        raise FileNotFoundError(path) from error


def _make(image: Image, network: Network, layer: str, count: int, key: str) -> FeatureMaps:
    extractor = all_layers(network.name, network.weights_digest)
    with pixels_of(image, network.input_size) as rgb:
        pixels = extractor.prepare(rgb)
    found = extractor.maps(pixels[None])[extractor.layers.index(layer)][0]
    means = found.mean(axis=(0, 1), dtype=np.float64)
    channels = strongest_channels(means, count)
    rounded = [round(float(mean), 6) for mean in means]
    listed = {"shape": found.shape, "maps": [[one, rounded[one]] for one in channels], "means": rounded}
    content = io.BytesIO()
    # stored as they are: WebP is compressed
    with zipfile.ZipFile(content, "w") as bundle:
        bundle.writestr(LISTED, json.dumps(listed))
        for channel in channels:
            shown = coloured(found[:, :, channel], SIDE)
            bundle.writestr(f"{channel}.webp", decoding.encode_webp(shown, QUALITY))
    derived_files.write(key, content.getvalue(), image, ENDING)
    return _as_maps(key, listed)


def _loaded(key: tuple[str, str]) -> MultiLayerExtractor:
    """Load a network with all its layers, as experiments do: what they converted is found again.

    The key is its name and the SHA-256 of its weights.
    """
    model, _ = key
    return MultiLayerExtractor(
        model,
        get_network(model).layers,
        pooling="average",
        cache_dir=settings.CACHE_ROOT / "models",
        engine=settings.FEATURE_ENGINE,
    )


_networks: KeptWhileUsed[tuple[str, str], MultiLayerExtractor] = KeptWhileUsed(_loaded, KEPT_NETWORKS)


def all_layers(model: str, weights_digest: str) -> MultiLayerExtractor:
    """Return a network that gives the maps of all its layers; the first call in a process loads it."""
    return _networks.get((model, weights_digest))


def drop_unused(for_s: float) -> None:
    """Give back the networks whose maps nobody has looked at for so long."""
    _networks.drop(_networks.unused(for_s))


@contextmanager
def pixels_of(image: Image, side: int) -> Iterator[RGB]:
    """Hold a stored picture, decoded at least as large as `side`, while inside.

    Raises: NotFoundError where its file is gone; StorageUnavailableError.
    """
    try:
        with default_storage.open(str(image.file.name)) as file:
            data = file.read()
    except OSError as error:
        raise NotFoundError(
            f"The stored file of image {image.pk} cannot be read; import the image again."
        ) from error
    with decoding.held(data, image_limits(), shortest_side=side) as (_, rgb):
        yield rgb


def _kept(key: str, count: int) -> FeatureMaps | None:
    """Return what was made before, None where that is nothing or less than is asked for."""
    content = derived_files.read(key)
    if content is None:
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as bundle:
            kept = _as_maps(key, json.loads(bundle.read(LISTED)))
    except (LookupError, TypeError, ValueError, zipfile.BadZipFile):  # a damaged file is made again
        return None
    return kept if kept.has(count) else None


def _as_maps(key: str, listed: dict[str, Any]) -> FeatureMaps:
    height, width, channels = listed["shape"]
    maps = [
        FeatureMap(channel, mean, reverse("gallery:media", args=[f"{key}/{channel}.webp"]))
        for channel, mean in listed["maps"]
    ]
    return FeatureMaps((height, width, channels), maps, listed["means"])
