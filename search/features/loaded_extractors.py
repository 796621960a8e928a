"""The extractors that this process has loaded, one of each configuration."""

from __future__ import annotations

import threading

from django.conf import settings

from gallery.errors import NotFoundError, WeightsError
from search.extractors.feature_extractor import (
    FeatureExtractor,
    live_config,
)
from search.extractors.networks import registry
from search.types import FeatureConfig


class NetworkGoneError(WeightsError):
    """Features were made with a network that this site does not have any more."""

    code = "network_gone"


_extractors: dict[FeatureConfig, FeatureExtractor] = {}
_loading = threading.Lock()


def extractor(config: FeatureConfig) -> FeatureExtractor:
    """Return the loaded extractor of a configuration; the first call in a process loads the network.

    Raises: WeightsError when the network's weights are missing or damaged; NetworkGoneError when there is no
    such network here.
    """
    found = _extractors.get(config)
    if found is None:
        with _loading:
            found = _extractors.get(config)
            if found is None:
                require_known(config.model)
                found = FeatureExtractor(
                    config, cache_dir=settings.CACHE_ROOT / "models", engine=settings.FEATURE_ENGINE
                )
                _extractors[config] = found
    return found


def require_known(model: str) -> None:
    """Refuse a network by its name that is not known here. Raises: NetworkGoneError."""
    try:
        registry.get_network(model)
    except NotFoundError as error:
        raise NetworkGoneError(
            f"The network {model!r}, which live search uses, is gone: put it back into EXTRA_NETWORKS, or "
            "switch live search to another network."
        ) from error


def loaded(config: FeatureConfig | None = None) -> FeatureExtractor | None:
    """Return the extractor of a configuration, or of the default one, if this process has loaded it."""
    return _extractors.get(config or live_config())
