"""Makes the first search as fast as the second."""

from __future__ import annotations

import logging

import numpy as np

from gallery.errors import SemsearchError
from search.models import SearchIndex
from search.services import features, indexing

logger = logging.getLogger(__name__)


def warm() -> None:
    """Load the network of every live index, run it once, and open the indexes."""
    try:
        specs = {features.live_spec()}
        for index in SearchIndex.objects.select_related("spec").filter(live=True):
            specs.add(index.spec)
            indexing.searchable(index)
        for spec in specs:
            blank = np.zeros((spec.input_size, spec.input_size, 3), dtype=np.uint8)
            features.extractor(spec.config).extract_query(blank)
    except SemsearchError as error:
        logger.warning("Not ready for searches: %s", error.detail)
