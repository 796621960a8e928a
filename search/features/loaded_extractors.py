"""The extractors that this process has loaded, one of each configuration."""

from __future__ import annotations

from collections.abc import Collection

from django.conf import settings

from gallery.errors import NotFoundError, WeightsError
from gallery.system.concurrency.kept_while_used import KeptWhileUsed
from search.extractors.engines.conversion import is_quick
from search.extractors.feature_extractor import FeatureExtractor, live_config
from search.extractors.networks import registry
from search.features import tunings
from search.types import FeatureConfig

MOST = 64  # those that are searched with are never dropped; this many are not reached


class NetworkGoneError(WeightsError):
    """Features were made with a network that this site does not have any more."""

    code = "network_gone"


def _loaded(config: FeatureConfig) -> FeatureExtractor:
    require_known(config.model)
    cache = settings.CACHE_ROOT / "models"
    return FeatureExtractor(config, cache_dir=cache, engine=settings.FEATURE_ENGINE)


_extractors: KeptWhileUsed[FeatureConfig, FeatureExtractor] = KeptWhileUsed(_loaded, MOST)


def extractor(config: FeatureConfig) -> FeatureExtractor:
    """Return the loaded extractor of a configuration; the first call in a process loads the network.

    Tuned vectors are made with the same loaded network as plain ones.

    Raises: WeightsError when the network's weights are missing or damaged; NetworkGoneError when there is no
    such network here; TuningGoneError.
    """
    return _tuned(_extractors.get(tunings.plain(config)), config)


def _tuned(found: FeatureExtractor, config: FeatureConfig) -> FeatureExtractor:
    tuning = tunings.tuning_of(config)
    return found if tuning is None else found.tuned(config, tuning)


def require_known(model: str) -> None:
    """Refuse a network by its name that is not known here. Raises: NetworkGoneError."""
    try:
        registry.get_network(model)
    except NotFoundError as error:
        raise NetworkGoneError(
            f"The network {model!r}, which live search uses, is gone: put it back into EXTRA_NETWORKS, add "
            "it again with add_model, or switch live search to another network."
        ) from error


def require_usable(model: str) -> None:
    """Refuse a network from outside that cannot be used now. Raises: WeightsError with what to do."""
    network = registry.get_network(model)
    if registry.is_from_outside(network) and (reason := network.unavailable_reason()):
        raise WeightsError(f"The network {model!r}, which live search uses: {reason}")


def conversion_ahead(model: str, layers: tuple[str, ...], input_size: int) -> str:
    """Return what to say while a network is converted, where loading it does that first, "" elsewhere."""
    network = registry.get_network(model)
    if settings.FEATURE_ENGINE == "tensorflow" or network.compute is not None:
        return ""
    try:
        if is_quick(network, layers, input_size, settings.CACHE_ROOT / "models"):
            return ""
    except WeightsError:
        return ""  # loading it will say what is wrong
    return f"Converting {network.title} for this machine, once: up to some minutes"


def loaded(config: FeatureConfig | None = None) -> FeatureExtractor | None:
    """Return the extractor of a configuration, or of the default one, if this process has loaded it."""
    wanted = config or live_config()
    found = _extractors.kept(tunings.plain(wanted))
    return None if found is None else _tuned(found, wanted)


def unused(for_s: float) -> list[FeatureConfig]:
    """Return the configurations, of plain vectors, that were loaded and nobody has asked for so long."""
    return _extractors.unused(for_s)


def drop(configs: Collection[FeatureConfig]) -> None:
    """Give back the networks of some configurations."""
    _extractors.drop(configs)
