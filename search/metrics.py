"""Retrieval metrics of ranked lists: pure functions over relevance flags."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Relevance = NDArray[np.bool_]  # (queries, results), nearest first


def precision_at(relevant: Relevance, k: int) -> NDArray[np.float64]:
    """Return each query's share of relevant ones among its first k results, (queries,); absent ones miss."""
    return np.asarray(relevant[:, :k].sum(axis=1) / k, dtype=np.float64)


def weighted_precision_at(relevant: Relevance, k: int) -> NDArray[np.float64]:
    """Return the rank-weighted precision of each query, (queries,).

    The sum of (k - rank + 1) over the relevant results of the first k, divided by the sum over all k;
    rank starts at 1. Source: Cloudera Fast Forward Labs, ConvNet Playground, "semantic search score".
    """
    weights = np.arange(k, 0, -1, dtype=np.float64)
    first = relevant[:, :k]
    return np.asarray(first @ weights[: first.shape[1]] / weights.sum(), dtype=np.float64)


def average_precision(relevant: Relevance, total_relevant: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the average precision of each full ranking, (queries,); 0 where nothing is relevant.

    Source: Manning, Raghavan and Schütze, Introduction to Information Retrieval, 2008, section 8.4.
    """
    queries, places = np.nonzero(relevant)
    counts = relevant.sum(axis=1)
    before = np.concatenate([[0], np.cumsum(counts)[:-1]])
    found = np.arange(len(queries)) - before[queries] + 1
    sums = np.bincount(queries, weights=found / (places + 1), minlength=len(relevant))
    return np.asarray(sums / np.maximum(total_relevant, 1), dtype=np.float64)
