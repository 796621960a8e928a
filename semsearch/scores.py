"""How well vectors find images of the same label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search import metrics
from search.index.base import IndexInputError
from search.index.ranking import rankings


@dataclass(frozen=True)
class Scores:
    """Means over all images, in percent, each searched with among the others."""

    weighted_precision: float
    precision: float
    map: float


def score(vectors: NDArray[Any], labels: Sequence[str], *, metric: str = "cosine", k: int = 10) -> Scores:
    """Return how well vectors (n, d) find images of the same of their labels (n,).

    `metric` is cosine, euclidean, inner_product or manhattan; the precisions look at the first k results, the
    mean average precision at all. Images whose label no other has are searched with too: they find nothing.

    Raises:
        NotFoundError: there is no such metric.
        IndexInputError: there are not as many labels as vectors, or fewer than two.
    """
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or len(rows) != len(labels) or len(rows) < 2:
        raise IndexInputError(f"Give vectors (n, d) and n labels, not {rows.shape} and {len(labels)}.")
    _, numbers = np.unique(np.asarray(labels, dtype=np.str_), return_inverse=True)
    found = rankings(rows, metric, k, numbers.astype(np.int32))
    assert found.relevant is not None
    assert found.average_precision is not None
    return Scores(
        weighted_precision=_percent(metrics.weighted_precision_at(found.relevant, k)),
        precision=_percent(metrics.precision_at(found.relevant, k)),
        map=_percent(found.average_precision),
    )


def _percent(values: NDArray[np.float64]) -> float:
    return round(float(values.mean()) * 100, 2)
