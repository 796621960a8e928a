"""Which features are used, and the one loaded extractor of each in this process."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import Any

from django.conf import settings

from gallery.models import Dataset
from search.extractors.feature_extractor import (
    DEFAULT_LAYER,
    DEFAULT_MODEL,
    DEFAULT_POOLING,
    FeatureExtractor,
    live_config,
)
from search.extractors.networks import registry
from search.features.layer_images import layer_picture
from search.models import FeatureSpec, SearchIndex
from search.types import FeatureConfig

_extractors: dict[FeatureConfig, FeatureExtractor] = {}
_loading = threading.Lock()


def live_spec() -> FeatureSpec:
    """Return the spec of the default configuration; a dataset may have another one live."""
    return FeatureSpec.objects.for_config(live_config())


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
                _extractors[config] = found
    return found


def loaded() -> FeatureExtractor | None:
    """Return the extractor of the default configuration if this process has loaded it."""
    return _extractors.get(live_config())


def config_named(model: str | None, layer: str | None, pooling: str | None) -> FeatureConfig | None:
    """Return the configuration of these names, the default filling in the rest; None when none is named.

    Raises: NotFoundError for an unknown name.
    """
    if not (model or layer or pooling):
        return None
    return live_config(
        model=model or DEFAULT_MODEL, layer=layer or DEFAULT_LAYER, pooling=pooling or DEFAULT_POOLING
    )


def index_of(dataset: Dataset, spec: FeatureSpec) -> SearchIndex:
    """Return the index of a dataset under a spec; the first one of a dataset becomes its live one."""
    index = SearchIndex.objects.filter(dataset=dataset, spec=spec).first()
    if index is None:
        live = not SearchIndex.objects.filter(dataset=dataset, live=True).exists()
        index = SearchIndex.objects.get_or_create(dataset=dataset, spec=spec, defaults={"live": live})[0]
    return index


def live_index(dataset: Dataset) -> SearchIndex:
    """Return the index that answers live searches of a dataset, made when there is none yet."""
    found = SearchIndex.objects.select_related("spec").filter(dataset=dataset, live=True).first()
    return found or index_of(dataset, live_spec())


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
