"""What one index is asked in a search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gallery.browse.where import EVERY_IMAGE, Where
from search.index.calibration import Calibration, Unknown
from search.index.live import Expansion, LiveIndex
from search.indexing import snapshots
from search.live.finding.steering import Steering
from search.models import SearchIndex
from search.types import Ids

# Why nobody knows how likely hits are of the query's category: besides what a calibration says, nothing was
# fitted yet, or examples, a filter or a text make other scores than those that it was fitted on
ProbabilityUnknown: TypeAlias = Unknown | Literal["unfitted", "steered", "filtered", "text"]


@dataclass(frozen=True)
class IndexQuery:
    """What one index is asked.

    `vector` (d,) under its spec, uncentred; `own_ids` (1, e) to leave out; only among those that `where`
    finds. Where examples are `steering`, their vectors are put together about the centre of the index, and
    `vector` is what they come to without one. The vector `of_text` lies elsewhere than those of images do:
    its hits are ranked by the cosine of uncentred vectors.
    """

    index: SearchIndex
    vector: NDArray[np.float32]
    own_ids: Ids | None
    expansion: Expansion | None
    where: Where = EVERY_IMAGE
    steering: Steering | None = None
    of_text: bool = False

    def asked_of(self, live: LiveIndex) -> NDArray[np.float32]:
        """Return the uncentred query (d,) for a snapshot of the index."""
        if self.of_text:
            return np.asarray(live.centre + self.vector, dtype=np.float32)
        return self.vector if self.steering is None else self.steering.query(live.centre)

    def meaning(self) -> tuple[Calibration | None, ProbabilityUnknown | None]:
        """Return what its scores mean, and why a probability is unknown, None where it is known."""
        if self.of_text:
            return None, "text"
        if self.steering is not None:
            return None, "steered"
        if not self.where.is_open:
            return None, "filtered"
        found = snapshots.calibration(self.index)
        return (found, found.unknown) if found is not None else (None, "unfitted")
