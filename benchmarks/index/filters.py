"""Recall and time of filtered searches of the index benchmark, from one vector in 10,000 to all of them."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.index.exam import Exam, K

SHARES = (0.0001, 0.001, 0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
ASKED = 40  # queries with each filter


def filtered(exam: Exam) -> list[dict[str, Any]]:
    """Return figures with random filters, and with those of exactly the farthest vectors."""
    scores = exam.scores(ASKED)
    random = np.random.default_rng(0)
    figures = []
    for share in SHARES:
        size = max(K, round(share * len(exam.base)))
        drawn = np.sort(random.choice(len(exam.base), size, replace=False))
        figures.append({"kind": "random", "share": share} | _asked(exam, scores, [drawn] * ASKED))
        if share < 1:
            farthest = [np.sort(np.argpartition(row, size - 1)[:size]) for row in scores]
            figures.append({"kind": "farthest", "share": share} | _asked(exam, scores, farthest))
    return figures


def _asked(exam: Exam, scores: NDArray[np.float32], filters: list[NDArray[np.int64]]) -> dict[str, float]:
    recalls, times = [], []
    for number, rows in enumerate(filters):
        allowed = exam.ids[rows]
        started = time.perf_counter()
        found = exam.live.search(exam.raw[number][None], K, allowed)
        times.append((time.perf_counter() - started) * 1000)
        # among the farthest of a million the tenth and the eleventh differ by less than rounding does
        tenth = np.partition(scores[number, rows], -K)[-K]
        recalls.append(float((found.scores[0] >= tenth - 1e-5).mean()))
    return {
        "recall_at_10": round(statistics.fmean(recalls), 4),
        "query_ms_p50": round(statistics.median(times), 2),
        "query_ms_max": round(max(times), 2),
    }
