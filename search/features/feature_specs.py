"""Which features are used: feature specs of live searches and of experiments, and the indexes under them."""

from __future__ import annotations

from django.db import transaction

from gallery.errors import TooLargeError
from gallery.models import Dataset
from gallery.system.open_datasets import hold_open
from search.extractors.feature_extractor import (
    DEFAULT_LAYER,
    DEFAULT_MODEL,
    DEFAULT_POOLING,
    live_config,
)
from search.extractors.networks import registry
from search.models import FeatureSpec, SearchIndex
from search.types import FeatureConfig


def experiment_spec(model: str, layer: str, pooling_name: str) -> FeatureSpec:
    """Return the spec of an experiment: the network's own input size and no reduction.

    Raises: NotFoundError for an unknown name; TooLargeError when the vector would be too long.
    """
    config = live_config(model=model, layer=layer, pooling=pooling_name, pca_name="")
    return FeatureSpec.objects.for_config(config)


def layer_specs(model: str, pooling_name: str) -> list[FeatureSpec]:
    """Return the specs of the layers of a network, without those whose vectors would be too long."""
    found = []
    for layer in registry.get_network(model).layers:
        try:
            found.append(experiment_spec(model, layer, pooling_name))
        except TooLargeError:
            continue
    return found


def live_spec() -> FeatureSpec:
    """Return the spec of the default configuration; a dataset may have another one live."""
    return FeatureSpec.objects.for_config(live_config())


def config_named(model: str | None, layer: str | None, pooling: str | None) -> FeatureConfig | None:
    """Return the configuration of these names, the default filling in the rest; None when none is named.

    Raises: NotFoundError for an unknown name.
    """
    if not (model or layer or pooling):
        return None
    layers = registry.get_network(model).layers if model else ()
    if len(layers) == 1:  # one vector of all of an image: there is nothing to choose
        return live_config(model=model or "", layer=layer or layers[0], pooling=pooling or "average")
    return live_config(
        model=model or DEFAULT_MODEL, layer=layer or DEFAULT_LAYER, pooling=pooling or DEFAULT_POOLING
    )


def index_of(dataset: Dataset, spec: FeatureSpec) -> SearchIndex:
    """Return the index of a dataset under a spec; the first one of a dataset becomes its live one.

    Raises: DatasetClosedError where it would have to be made, and the dataset is being deleted.
    """
    index = SearchIndex.objects.filter(dataset=dataset, spec=spec).first()
    if index is None:
        with transaction.atomic():
            hold_open(dataset)
            live = not SearchIndex.objects.filter(dataset=dataset, live=True).exists()
            index = SearchIndex.objects.get_or_create(dataset=dataset, spec=spec, defaults={"live": live})[0]
    return index


def live_index(dataset: Dataset) -> SearchIndex:
    """Return the index that answers live searches of a dataset, made when there is none yet."""
    found = SearchIndex.objects.select_related("spec").filter(dataset=dataset, live=True).first()
    return found or index_of(dataset, live_spec())
