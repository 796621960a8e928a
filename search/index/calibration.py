"""What scores mean: how likely a hit of a score is of the query's category, and how few pairs score as high.

Both are lines through a few points, fitted once on the scores of an index as they are served.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, TypedDict, cast

import numpy as np
from numpy.typing import NDArray

Method: TypeAlias = Literal["isotonic", "logistic"]
Unknown: TypeAlias = Literal["unlabelled", "few", "imprecise"]
Reals: TypeAlias = NDArray[np.float64]

DECIMALS = 6
# Hits are among the few random pairs that score high: the steps become finer towards 1, 25 for each nine.
SHARES: Reals = (1 - np.logspace(0, -5, 126)).round(DECIMALS)


class CalibrationValues(TypedDict):
    """A `Calibration` as plain values, as a row keeps it."""

    unknown: Unknown | None
    method: Method | None
    queries: int
    pairs: int
    same: float
    error: float | None
    scores: list[float]
    probabilities: list[float]
    pair_scores: list[float]


@dataclass(frozen=True)
class Labelled:
    """Scores (n,) of first neighbours, whether each is of its query's category (n,), and its query (n,)."""

    scores: Reals
    same: NDArray[np.bool_]
    queries: NDArray[np.int64]


@dataclass(frozen=True)
class Curve:
    """A line that never falls, through points `x` (p,) and `y` (p,); level before and after them."""

    x: Reals
    y: Reals

    def at(self, scores: NDArray[np.float32] | Reals) -> Reals:
        """Return its heights (n,) at scores (n,)."""
        return np.interp(scores, self.x, self.y)


@dataclass(frozen=True)
class Calibration:
    """What the scores of one generation of an index mean.

    `curve` leads from scores to the probability of the query's category; without it `unknown` says why
    there is none: `unlabelled`, `few` labels, or `imprecise`. `error` is its expected calibration error by
    cross-validation, on `pairs` of which the share `same` was of one category. `pair_scores` are the scores
    of random pairs at `SHARES`.
    """

    pair_scores: Reals
    unknown: Unknown | None = "unlabelled"
    curve: Curve | None = None
    method: Method | None = None
    error: float | None = None
    queries: int = 0
    pairs: int = 0
    same: float = 0.0

    def probabilities(self, scores: NDArray[np.float32] | Reals) -> Reals | None:
        """Return how likely hits of scores (n,) are of the query's category; None where that is unknown."""
        return self.curve.at(scores) if self.curve is not None else None

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
            "scores": [] if self.curve is None else self.curve.x.tolist(),
            "probabilities": [] if self.curve is None else self.curve.y.tolist(),
            "pair_scores": self.pair_scores.tolist(),
        }

    @classmethod
    def of_values(cls, values: CalibrationValues) -> Calibration:
        """Return that of plain values."""
        x, y, pairs = (
            np.array(values[name], dtype=np.float64)
            for name in cast(tuple[Literal["scores"], ...], ("scores", "probabilities", "pair_scores"))
        )
        return cls(
            pair_scores=pairs,
            unknown=values["unknown"],
            curve=Curve(x, y) if len(x) else None,
            method=values["method"],
            error=values["error"],
            queries=values["queries"],
            pairs=values["pairs"],
            same=values["same"],
        )
