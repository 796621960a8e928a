"""Makes the first search as fast as the second, and gives back networks that nobody uses any more."""

from __future__ import annotations

import logging

import numpy as np

from gallery.errors import SemsearchError
from gallery.vocabulary.words import vocabulary
from search.extractors.feature_extractor import live_config
from search.features import feature_maps, feature_specs, loaded_extractors, text_encoders, tunings
from search.indexing import snapshots
from search.live.engine import QUERY_EXPANSION
from search.models import FeatureSpec, SearchIndex

logger = logging.getLogger(__name__)

UNUSED_FOR_S = 600.0


def warm() -> None:
    """Load and run the network of every live index, open the indexes and search each once.

    The network is then also run with two pictures, as it is for searches that come together. The vocabulary
    of filters and facets is read as well.
    """
    vocabulary()
    try:
        indexes = _live_indexes()
        specs = {feature_specs.live_spec(), *(index.spec for index in indexes)}
    except SemsearchError as error:
        logger.warning("Not ready for searches: %s", error)
        return
    for spec in specs:
        # where one network is missing the others serve
        try:
            _warm(spec, [index for index in indexes if index.spec == spec])
        except SemsearchError as error:
            logger.warning("Not ready for searches: %s", error)


def _warm(spec: FeatureSpec, indexes: list[SearchIndex]) -> None:
    extractor = loaded_extractors.extractor(spec.config)
    blank = np.zeros((spec.input_size, spec.input_size, 3), dtype=np.uint8)
    vectors = extractor.extract(blank[None])
    for index in indexes:
        snapshots.searchable(index).search(vectors, 1, expansion=QUERY_EXPANSION)
    extractor.extract(np.stack((blank, blank)))
    text_encoders.warm(spec.config)


def drop_unused(for_s: float = UNUSED_FOR_S) -> None:
    """Give back the networks of feature maps, and of indexes that are live no longer, after a while."""
    feature_maps.drop_unused(for_s)
    text_encoders.drop_unused(for_s)
    unused = set(loaded_extractors.unused(for_s)) - {live_config()}
    if unused:  # most sites have the default network alone, and nothing is asked
        loaded_extractors.drop(unused - {tunings.plain(index.spec.config) for index in _live_indexes()})


def _live_indexes() -> list[SearchIndex]:
    return list(SearchIndex.shown.select_related("spec").filter(live=True))
