"""Makes the first search as fast as the second."""

from __future__ import annotations

import logging

import numpy as np

from gallery.errors import SemsearchError
from search.features import feature_specs, loaded_extractors
from search.indexing import snapshots
from search.live.query import QUERY_EXPANSION
from search.models import SearchIndex

logger = logging.getLogger(__name__)


def warm() -> None:
    """Load and run the network of every live index, open the indexes and search each once.

    The network is then also run with two pictures, as it is for searches that come together.
    """
    try:
        indexes = list(SearchIndex.shown.select_related("spec").filter(live=True))
        specs = {feature_specs.live_spec(), *(index.spec for index in indexes)}
        for spec in specs:
            blank = np.zeros((spec.input_size, spec.input_size, 3), dtype=np.uint8)
            vector = loaded_extractors.extractor(spec.config).extract_query(blank)
            for index in indexes:
                if index.spec == spec:
                    snapshots.searchable(index).search(vector[None], 1, expansion=QUERY_EXPANSION)
        for spec in specs:
            two = np.zeros((2, spec.input_size, spec.input_size, 3), dtype=np.uint8)
            loaded_extractors.extractor(spec.config).extract(two)
    except SemsearchError as error:
        logger.warning("Not ready for searches: %s", error.detail)
