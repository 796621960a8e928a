"""What a layer makes of a stored picture: its strongest channels as small pictures, made once and kept."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from numpy.typing import NDArray

from gallery.errors import NotFoundError, WeightsError
from gallery.imaging import decoding
from gallery.imaging.limits import image_limits
from gallery.models import Image
from search.extractors.map_images import coloured, strongest_channels
from search.extractors.multi_layer_extractor import MultiLayerExtractor
from search.extractors.networks.network import Network
from search.extractors.networks.registry import get_network
from search.stored_folders import FEATURE_MAPS
from search.types import RGB

logger = logging.getLogger(__name__)

SIDE = 112
QUALITY = 80
VERSION = 1  # raise when pictures come to look different; what is kept is then passed over
KEPT_NETWORKS = 4  # in memory

_loading = threading.Lock()


@dataclass(frozen=True)
class FeatureMap:
    """One channel: its number counted from 0, its mean over the map, and the stored name of its picture."""

    channel: int
    mean: float
    file: str


@dataclass(frozen=True)
class FeatureMaps:
    """The shape (h, w, c) of a layer's map for an image, and its strongest channels, strongest first."""

    shape: tuple[int, int, int]
    maps: list[FeatureMap]


def feature_maps(image: Image, model: str, layer: str, count: int) -> FeatureMaps:
    """Return up to `count` channels of a layer with the largest means, making the pictures that are missing.

    Raises:
        NotFoundError: there is no such network or layer, it has no maps, or the picture's file is gone.
        WeightsError: the network cannot be used here.
    """
    network = get_network(model)
    network.require_layer(layer)
    if network.compute is not None:
        raise NotFoundError(f"{network.title} is computed from pixels: it has no feature maps.")
    if reason := network.unavailable_reason():
        raise WeightsError(reason)
    root = f"{FEATURE_MAPS}/{image.pk}/{model}-{network.weights_digest[:12]}-v{VERSION}/{layer}"
    kept = _kept(root)
    if kept is None or len(kept.maps) < min(count, kept.shape[2]):
        kept = _make(image, network, layer, count, root)
    return FeatureMaps(kept.shape, kept.maps[:count])


def drop_feature_maps(image_ids: Iterable[int]) -> None:
    """Remove what is kept of these images."""
    try:
        folders, _ = default_storage.listdir(FEATURE_MAPS)
    except FileNotFoundError:  # nothing was ever kept
        return
    for pk in {str(pk) for pk in image_ids} & set(folders):
        try:
            _drop_folder(f"{FEATURE_MAPS}/{pk}")
        except OSError:
            # nothing shows these pictures any more
            logger.exception("Could not delete the feature maps of image %s", pk)


def _make(image: Image, network: Network, layer: str, count: int, root: str) -> FeatureMaps:
    with _loading:
        extractor = _extractor(network.name, network.weights_digest)
    pixels = extractor.prepare(_pixels(image, network.input_size))
    found = extractor.maps(pixels[None])[extractor.layers.index(layer)][0]
    made = [
        FeatureMap(channel, round(mean, 6), _keep_image(f"{root}/{channel}.webp", found[:, :, channel]))
        for channel, mean in strongest_channels(found, count)
    ]
    height, width, channels = found.shape
    result = FeatureMaps((height, width, channels), made)
    _keep_list(root, result)
    if not Image.objects.filter(pk=image.pk).exists():
        # it was removed meanwhile, and its folder before these files were there
        drop_feature_maps([image.pk])
        raise NotFoundError(f"There is no image {image.pk} any more.")
    return result


@lru_cache(maxsize=KEPT_NETWORKS)
def _extractor(model: str, weights_digest: str) -> MultiLayerExtractor:
    """Load a network with all its layers, as experiments do: what they converted is found again."""
    return MultiLayerExtractor(
        model,
        get_network(model).layers,
        pooling="average",
        cache_dir=settings.CACHE_ROOT / "models",
        engine=settings.FEATURE_ENGINE,
    )


def _pixels(image: Image, side: int) -> RGB:
    try:
        with default_storage.open(str(image.file.name)) as file:
            data = file.read()
    except OSError as error:
        raise NotFoundError(
            f"The stored file of image {image.pk} cannot be read; import the picture again."
        ) from error
    return decoding.decode(data, image_limits(), shortest_side=side)


def _keep_image(name: str, channel: NDArray[np.float32]) -> str:
    if default_storage.exists(name):
        return name
    return default_storage.save(name, ContentFile(decoding.encode_webp(coloured(channel, SIDE), QUALITY)))


def _keep_list(root: str, result: FeatureMaps) -> None:
    """Write the list after its pictures, so that whoever finds it finds them."""
    content = {
        "shape": list(result.shape),
        "maps": [[one.channel, one.mean, one.file] for one in result.maps],
    }
    default_storage.delete(f"{root}/list.json")
    default_storage.save(f"{root}/list.json", ContentFile(json.dumps(content).encode()))


def _kept(root: str) -> FeatureMaps | None:
    """Return what was made before, or None."""
    try:
        with default_storage.open(f"{root}/list.json") as file:
            content = json.loads(file.read())
        height, width, channels = content["shape"]
        return FeatureMaps((height, width, channels), [FeatureMap(*one) for one in content["maps"]])
    except (OSError, ValueError, TypeError, LookupError):  # not made yet, being written, or damaged
        return None


def _drop_folder(folder: str) -> None:
    folders, files = default_storage.listdir(folder)
    for name in files:
        default_storage.delete(f"{folder}/{name}")
    for name in folders:
        _drop_folder(f"{folder}/{name}")
    default_storage.delete(folder)
