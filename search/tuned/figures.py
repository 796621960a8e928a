"""What was measured of a tuning, as plain values that are stored and shown."""

from __future__ import annotations

from typing import Annotated, TypedDict

from search.tuned.curve import LearningCurve

DECIMALS = 2


class PointValues(TypedDict):
    """A point of the learning curve, in percent; `gain_low` and `gain_high` hold 95 % of the resamples."""

    labels: Annotated[float, "Labels a category that were learned from, a mean where it is all."]
    all_labels: bool
    weighted_precision: float
    gain: float
    gain_low: float
    gain_high: float


class Figures(TypedDict):
    """What a tuning gains for images that it did not learn from, in percent of weighted precision@10."""

    queries: int
    weighted_precision: float
    weighted_precision_before: float
    curve: list[PointValues]
    ten_more: Annotated[float | None, "What ten more labels a category bring at most; null: nobody can tell."]
    offered: Annotated[bool, "Whether the gain is beyond noise."]


def figures_of(curve: LearningCurve) -> Figures:
    """Return a learning curve as plain values."""
    more = curve.ten_more()
    return {
        "queries": curve.queries,
        "weighted_precision": round(curve.last.weighted_precision, DECIMALS),
        "weighted_precision_before": round(curve.before, DECIMALS),
        "curve": [
            {
                "labels": round(point.labels, 1),
                "all_labels": point.all_labels,
                "weighted_precision": round(point.weighted_precision, DECIMALS),
                "gain": round(point.gain.mean, DECIMALS),
                "gain_low": round(point.gain.low, DECIMALS),
                "gain_high": round(point.gain.high, DECIMALS),
            }
            for point in curve.points
        ],
        "ten_more": None if more is None else round(more, 1),
        "offered": curve.last.gain.is_beyond_noise,
    }
