"""Images in, feature vectors or feature maps out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotAnImageError, WeightsError
from gallery.imaging import decoding
from gallery.imaging.bounds import ImageLimits
from search.extractors.engines import conversion
from search.extractors.feature_extractor import DEFAULT_LAYER, DEFAULT_MODEL, FeatureExtractor, live_config
from search.extractors.multi_layer_extractor import MultiLayerExtractor
from search.extractors.networks import converted_networks, registry
from search.extractors.networks.network import Network
from search.types import RGB, Vectors

# A path, the bytes of a file, an array (h, w, 3) or (h, w) uint8, or an image of Pillow.
ImageLike: TypeAlias = "str | os.PathLike[str] | bytes | NDArray[np.uint8] | Any"
# Called with words for people, how many images are done, and how many there are.
OnProgress: TypeAlias = Callable[[str, int, int], object]

BATCH = 16


def tell(words: str, done: int, total: int) -> None:
    """Write on stderr what takes long before there is anything to see; the default of `on_progress`."""
    if not done:
        sys.stderr.write(f"{words}\n")


def cache_folder() -> Path:
    """Return the folder where converted networks are kept: SEMSEARCH_CACHE, or one of the account's."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("SEMSEARCH_CACHE") or home / "semsearch" / "models")


def networks() -> tuple[Network, ...]:
    """Return every network; `unavailable_reason()` of one is empty where it can be used here."""
    return registry.known()


def network(name: str = DEFAULT_MODEL) -> Network:
    """Return a network by its name; its `described()` are its layers, with shapes and parameters.

    Raises: NotFoundError.
    """
    return registry.get_network(name)


def read_image(image: ImageLike) -> RGB:
    """Return an image as (h, w, 3) uint8, upright, what is transparent on white.

    Raises:
        NotAnImageError: it is none.
        TooLargeError: it has more than 300 million pixels, or 50 MB.
    """
    if isinstance(image, np.ndarray):
        return _pixels(image)
    if hasattr(image, "convert") and hasattr(image, "mode"):
        return np.ascontiguousarray(np.asarray(image.convert("RGB")))
    if isinstance(image, bytes | bytearray):
        return decoding.decode(bytes(image), ImageLimits())
    path = Path(image).expanduser()
    try:
        return decoding.decode(path.read_bytes(), ImageLimits())
    except OSError as error:
        raise NotAnImageError(f"{path} cannot be read: {error.strerror}.") from error
    except NotAnImageError as error:
        raise NotAnImageError(f"{path}: {error.detail}") from error


def extract(
    images: Iterable[ImageLike],
    *,
    model: str = DEFAULT_MODEL,
    layer: str | None = None,
    pooling: str | None = None,
    cache_dir: Path | str | None = None,
    on_progress: OnProgress = tell,
) -> Vectors:
    """Return the vectors (n, d) float32 of images, in their order: neither centred nor of unit length.

    Without a layer it is the last one. Without a pooling they are those of a site where network and layer are
    the default ones, pooled in pyramids and reduced to 512 dimensions; otherwise averaged. Poolings are
    average, max, gem, pyramid and flatten; what was pooled as asked for is not reduced. A
    network is converted when it is used first, which takes up to a minute; `on_progress` is told.

    Raises:
        NotFoundError: there is no such network, layer or pooling.
        WeightsError: the weights are not installed; the words say how they are had.
        NotAnImageError: an image cannot be read.
    """
    chosen = layer or _last_layer(model)
    if pooling is not None or (model, chosen) != (DEFAULT_MODEL, DEFAULT_LAYER):
        return extract_layers(
            images,
            model=model,
            layers=(chosen,),
            pooling=pooling or "average",
            cache_dir=cache_dir,
            on_progress=on_progress,
        )[chosen]
    folder = _ready(model, cache_dir, on_progress)
    extractor = FeatureExtractor(live_config(), cache_dir=folder)
    rows = [extractor.extract(batch) for batch in _batches(images, extractor.prepare, on_progress)]
    return np.concatenate(rows) if rows else np.empty((0, extractor.config.dims), np.float32)


def extract_layers(
    images: Iterable[ImageLike],
    *,
    model: str = DEFAULT_MODEL,
    layers: Sequence[str] | None = None,
    pooling: str = "average",
    cache_dir: Path | str | None = None,
    on_progress: OnProgress = tell,
) -> dict[str, Vectors]:
    """Return the vectors (n, d) of several layers, by their names, in one pass of the network; all without.

    Raises: as `extract`.
    """
    extractor = _multi(model, layers, pooling, cache_dir, on_progress)
    rows = [extractor.extract(batch) for batch in _batches(images, extractor.prepare, on_progress)]
    if not rows:
        empty = (np.empty((0, dims), np.float32) for dims in extractor.dims)
        return dict(zip(extractor.layers, empty, strict=True))
    return {name: np.concatenate(parts) for name, *parts in zip(extractor.layers, *rows, strict=True)}


def feature_maps(
    image: ImageLike,
    *,
    model: str = DEFAULT_MODEL,
    layers: Sequence[str] | None = None,
    cache_dir: Path | str | None = None,
    on_progress: OnProgress = tell,
) -> dict[str, NDArray[np.float32]]:
    """Return the feature maps (h, w, c) float32 of an image at several layers, by their names; all without.

    Raises: as `extract`.
    """
    extractor = _multi(model, layers, "average", cache_dir, on_progress)
    maps = extractor.maps(extractor.prepare(read_image(image))[None])
    return {name: np.asarray(one[0]) for name, one in zip(extractor.layers, maps, strict=True)}


def _last_layer(model: str) -> str:
    found = registry.get_network(model)
    if not found.layers:  # one from outside, which nobody has looked into
        raise WeightsError(found.unavailable_reason())
    return found.layers[-1]


def _multi(
    model: str,
    layers: Sequence[str] | None,
    pooling: str,
    cache_dir: Path | str | None,
    on_progress: OnProgress,
) -> MultiLayerExtractor:
    folder = _ready(model, cache_dir, on_progress)
    chosen = tuple(layers) if layers is not None else registry.get_network(model).layers
    return MultiLayerExtractor(model, chosen, pooling=pooling, cache_dir=folder)


def _ready(model: str, cache_dir: Path | str | None, on_progress: OnProgress) -> Path:
    """Convert a network whole where it was not yet: any of its layers is cut out of that in a moment."""
    folder = Path(cache_dir).expanduser() if cache_dir else cache_folder()
    found = registry.get_network(model)
    if reason := found.unavailable_reason():
        raise WeightsError(reason)
    if found.compute is None and found.converted is None and not converted_networks.is_kept(found, folder):
        on_progress(f"Converting {found.title} for this machine, once: up to a minute", 0, 0)
        conversion.converted(found, found.layers, found.input_size, folder)
    return folder


def _batches(
    images: Iterable[ImageLike],
    prepare: Callable[[RGB], NDArray[np.uint8]],
    on_progress: OnProgress,
) -> Iterator[NDArray[np.uint8]]:
    """Yield images as a network takes them, some at a time."""
    if isinstance(images, str | os.PathLike | bytes):
        raise NotAnImageError("Give a list of images, also of one: extract([image]).")
    given = list(images)
    for start in range(0, len(given), BATCH):
        yield np.stack([prepare(read_image(image)) for image in given[start : start + BATCH]])
        on_progress("Extracting", min(start + BATCH, len(given)), len(given))


def _pixels(image: NDArray[Any]) -> RGB:
    grey = image.ndim == 2
    if image.dtype != np.uint8 or not image.size or not (grey or (image.ndim == 3 and image.shape[2] == 3)):
        raise NotAnImageError(
            f"An array {image.shape} of {image.dtype} is no image: give (h, w, 3) or (h, w) of uint8."
        )
    return np.ascontiguousarray(np.stack([image] * 3, axis=-1) if grey else image)
