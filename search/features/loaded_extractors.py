"""Which features are used, and the one loaded extractor of each in this process."""

from __future__ import annotations

import threading
from dataclasses import asdict
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from search.extractors.feature_extractor import (
    FeatureExtractor,
    live_config,
)
from search.extractors.networks import registry
from search.features.batching import Coalescer
from search.features.layer_images import layer_picture
from search.types import RGB, FeatureConfig

_Queries: TypeAlias = Coalescer[RGB, NDArray[np.uint8], NDArray[np.float32]]
_extractors: dict[FeatureConfig, FeatureExtractor] = {}
_queries: dict[FeatureConfig, _Queries] = {}
_loading = threading.Lock()


def extractor(config: FeatureConfig) -> FeatureExtractor:
    """Return the loaded extractor of a configuration; the first call in a process loads the network.

    Raises: WeightsError when the network's weights are missing or damaged.
    """
    found = _extractors.get(config)
    if found is None:
        with _loading:
            found = _extractors.get(config)
            if found is None:
                found = FeatureExtractor(
                    config, cache_dir=settings.CACHE_ROOT / "models", engine=settings.FEATURE_ENGINE
                )
                _queries[config] = Coalescer(found.prepare, partial(_extracted, found), found.lanes)
                _extractors[config] = found
    return found


def loaded() -> FeatureExtractor | None:
    """Return the extractor of the default configuration if this process has loaded it."""
    return _extractors.get(live_config())


def query_vector(config: FeatureConfig, rgb: RGB) -> NDArray[np.float32]:
    """Return the vector (d,) of a picture (h, w, 3) to search with.

    Each thread prepares its own picture; those that come at the same time share the network's lanes.
    Raises: WeightsError as `extractor`.
    """
    extractor(config)
    return _queries[config](rgb)


def _extracted(
    network: FeatureExtractor, prepared: list[NDArray[np.uint8]], *, alone: bool
) -> list[NDArray[np.float32]]:
    pictures = np.stack(prepared)
    return list(network.extract(pictures) if alone else network.extract_beside(pictures))


def described_networks() -> list[dict[str, Any]]:
    """Return every known network as plain values, with the reason where it cannot be used."""
    return [
        {
            "name": network.name,
            "title": network.title,
            "input_size": network.input_size,
            "parameters": network.parameters,
            "baseline": network.baseline,
            "available": not (reason := network.unavailable_reason()),
            "reason": reason,
            "layers": [
                asdict(tap) | {"picture": layer_picture(network.name, tap.name)}
                for tap in network.described()
            ],
        }
        for network in registry.known()
    ]
