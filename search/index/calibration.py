"""What scores mean: how likely a hit is of the query's category, and how few pairs score as high.

Both are lines through a few points, fitted once on the scores of an index as they are served. How likely a
hit is depends on more than its score: on how near the first hit is, on whether it is part of the expanded
query, and on how far the labels of the first hits agree with its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NotRequired, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

from search.index.live import QUERY_EXPANSION

Method: TypeAlias = Literal["isotonic", "logistic"]
Unknown: TypeAlias = Literal["unlabelled", "few", "imprecise"]
Reals: TypeAlias = NDArray[np.float64]

DECIMALS = 6
# Hits are among the few random pairs that score high: the steps become finer towards 1, 25 for each nine.
SHARES: Reals = (1 - np.logspace(0, -5, 126)).round(DECIMALS)


FEATURES = 4  # of evidence: what `evidence` returns
AGREEING = 10  # first hits whose labels are asked how far they agree
UNKNOWN_LABEL = ""
EXPANDED = QUERY_EXPANSION.neighbours if QUERY_EXPANSION is not None else 0


class CurveValues(TypedDict):
    """A `Curve` as plain values."""

    weights: list[float]
    x: list[float]
    y: list[float]


class CalibrationValues(TypedDict):
    """A `Calibration` as plain values, as a row keeps it; older ones have one curve of scores alone."""

    unknown: Unknown | None
    method: Method | None
    queries: int
    pairs: int
    same: float
    error: float | None
    curve: NotRequired[CurveValues | None]
    unlabelled: NotRequired[CurveValues | None]
    scores: NotRequired[list[float]]
    probabilities: NotRequired[list[float]]
    pair_scores: list[float]


@dataclass(frozen=True)
class Nearest:
    """The first hits of a query in one index, up to `AGREEING`: scores (m,) and labels (m,), "" unknown."""

    scores: Reals
    labels: NDArray[np.str_]


def evidence(nearest: Nearest, places: NDArray[np.intp], scores: Reals, labels: NDArray[np.str_]) -> Reals:
    """Return what speaks for hits (n,) of a query, (n, 4): by their places from 0, scores and labels.

    Score, score of the first hit, whether it is part of the expanded query, and the share of those of the
    first hits that have its label, weighted by their scores, itself left out.
    """
    others = places[:, None] != np.arange(len(nearest.scores))
    weights = np.where(nearest.labels != UNKNOWN_LABEL, np.maximum(nearest.scores, 0), 0) * others
    alike = (weights * (labels[:, None] == nearest.labels)).sum(axis=1)
    agreement = alike / np.maximum(weights.sum(axis=1), np.finfo(float).tiny)
    first = np.full(len(scores), nearest.scores[0] if len(nearest.scores) else 0.0)
    return np.column_stack((scores, first, places < EXPANDED, agreement))


@dataclass(frozen=True)
class Labelled:
    """Evidence (n, 4) of first neighbours, whether each is of its query's category (n,), and its query (n,).

    `absent` (a, 4) is that of neighbours of queries whose category was taken out: all of them are wrong.
    """

    evidence: Reals
    same: NDArray[np.bool_]
    queries: NDArray[np.int64]
    absent: Reals = field(default_factory=lambda: np.empty((0, FEATURES)))


@dataclass(frozen=True)
class Curve:
    """A line that never falls, through points `x` (p,) and `y` (p,); level before and after them.

    `weights` (w,) lead from the first w columns of evidence to x; one alone is of the score.
    """

    x: Reals
    y: Reals
    weights: Reals = field(default_factory=lambda: np.ones(1))

    def at(self, found: Reals) -> Reals:
        """Return its heights (n,) for evidence (n, 4)."""
        return np.interp(found[:, : len(self.weights)] @ self.weights, self.x, self.y)

    def as_values(self) -> CurveValues:
        """Return it as plain values."""
        return {"weights": self.weights.tolist(), "x": self.x.tolist(), "y": self.y.tolist()}

    @classmethod
    def of_values(cls, values: CurveValues) -> Curve:
        """Return that of plain values."""
        return cls(*(np.array(values[name], dtype=np.float64) for name in ("x", "y", "weights")))


@dataclass(frozen=True)
class Calibration:
    """What the scores of one generation of an index mean.

    `curve` leads from evidence to the probability of the query's category, and `unlabelled` does so for hits
    that have no label; without them `unknown` says why there is none: `unlabelled`, `few` labels, or
    `imprecise`. `error` is the expected calibration error of `curve` by cross-validation, on `pairs` of which
    the share `same` was of one category. `pair_scores` are the scores of random pairs at `SHARES`.
    """

    pair_scores: Reals
    unknown: Unknown | None = "unlabelled"
    curve: Curve | None = None
    unlabelled: Curve | None = None
    method: Method | None = None
    error: float | None = None
    queries: int = 0
    pairs: int = 0
    same: float = 0.0

    def probabilities(self, found: Reals, labelled: NDArray[np.bool_]) -> Reals | None:
        """Return how likely hits of evidence (n, 4) are of the query's category; None where that is unknown.

        `labelled` (n,) says which of them have a label.
        """
        if self.curve is None:
            return None
        bare = self.unlabelled if self.unlabelled is not None else self.curve
        return np.where(labelled, self.curve.at(found), bare.at(found))

    def percentiles(self, scores: NDArray[np.float32] | Reals) -> Reals | None:
        """Return which shares of random pairs score less than scores (n,); None where there are none."""
        return np.interp(scores, self.pair_scores, SHARES) if len(self.pair_scores) else None

    def as_values(self) -> CalibrationValues:
        """Return it as plain values."""
        return {
            "unknown": self.unknown,
            "method": self.method,
            "queries": self.queries,
            "pairs": self.pairs,
            "same": round(self.same, DECIMALS),
            "error": None if self.error is None else round(self.error, DECIMALS),
            "curve": None if self.curve is None else self.curve.as_values(),
            "unlabelled": None if self.unlabelled is None else self.unlabelled.as_values(),
            "pair_scores": self.pair_scores.tolist(),
        }

    @classmethod
    def of_values(cls, values: CalibrationValues) -> Calibration:
        """Return that of plain values."""
        curve, unlabelled = values.get("curve"), values.get("unlabelled")
        if values.get("scores"):
            curve = {"weights": [1.0], "x": values["scores"], "y": values["probabilities"]}
        return cls(
            pair_scores=np.array(values["pair_scores"], dtype=np.float64),
            unknown=values["unknown"],
            curve=None if curve is None else Curve.of_values(curve),
            unlabelled=None if unlabelled is None else Curve.of_values(unlabelled),
            method=values["method"],
            error=values["error"],
            queries=values["queries"],
            pairs=values["pairs"],
            same=values["same"],
        )
