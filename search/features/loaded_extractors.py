"""The extractors that this process has loaded, one of each configuration."""

from __future__ import annotations

import threading

from django.conf import settings

from search.extractors.feature_extractor import (
    FeatureExtractor,
    live_config,
)
from search.types import FeatureConfig

_extractors: dict[FeatureConfig, FeatureExtractor] = {}
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
                _extractors[config] = found
    return found


def loaded(config: FeatureConfig | None = None) -> FeatureExtractor | None:
    """Return the extractor of a configuration, or of the default one, if this process has loaded it."""
    return _extractors.get(config or live_config())
