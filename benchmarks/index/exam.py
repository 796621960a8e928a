"""The questions of the index benchmark and their true answers, by exact search over the centred vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.index.million import Collection
from benchmarks.index.peers import Rows
from search.index.live import LiveIndex
from search.types import Vectors

K = 10
BLOCK = 20_000


class Exam:
    """What was built, and as many questions as leave the other half of the queries to be added later."""

    def __init__(self, made: Collection, live: LiveIndex) -> None:
        self.live = live
        self.ids = live.generation.ids if live.generation is not None else live.delta_ids
        self.base = made.base
        self.raw = made.queries[: len(made.queries) // 2]
        self.queries = self._centred(self.raw)
        self.truth = self._truth()

    def units(self, start: int, stop: int) -> Vectors:
        """Return centred unit vectors of rows."""
        return self._centred(self.base[start:stop].astype(np.float32))

    def scores(self, asked: int) -> NDArray[np.float32]:
        """Return the scores (asked, n) of the first questions with every vector."""
        return np.hstack(
            [self.queries[:asked] @ self.units(at, at + BLOCK).T for at in range(0, len(self.base), BLOCK)]
        )

    def recall(self, find: Callable[[int], Rows], numbers: range) -> float:
        """Return the share of the true ten that are found for some of the questions."""
        return float(np.mean([np.isin(self.truth[number], find(number)).mean() for number in numbers]))

    def ours(self, number: int) -> Rows:
        """Return the rows that our index finds."""
        ids = self.live.search(self.raw[number][None], K).ids[0]
        return np.asarray(np.searchsorted(self.ids, ids), dtype=np.int64)

    def _centred(self, vectors: Vectors) -> Vectors:
        units = vectors - self.live.centre
        units /= np.maximum(np.linalg.norm(units, axis=1, keepdims=True), 1e-12)
        return units

    def _truth(self) -> Rows:
        """Return the exact rows (m, 10), nearest first."""
        scores = np.empty((len(self.queries), 0), dtype=np.float32)
        rows = np.empty((len(self.queries), 0), dtype=np.int64)
        for start in range(0, len(self.base), BLOCK):
            block = self.queries @ self.units(start, start + BLOCK).T
            near = np.argpartition(block, -K, axis=1)[:, -K:]
            scores = np.hstack((scores, np.take_along_axis(block, near, 1)))
            rows = np.hstack((rows, near + start))
            best = np.argsort(-scores, axis=1)[:, :K]
            scores, rows = np.take_along_axis(scores, best, 1), np.take_along_axis(rows, best, 1)
        return rows
