"""Fits what scores mean to labelled pairs, and says by cross-validation how far off that is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from search.index.calibration import SHARES, Calibration, Curve, Labelled, Method, Reals

ISOTONIC_FROM = 500  # pairs of one category; a curve of two numbers serves with fewer
LEAST_QUERIES = 40
LEAST_PAIRS = 20  # of one category, and as many of two
MOST_ERROR = 0.1  # what is further off is no probability to show
FOLDS = 5
BINS = 10
LOGISTIC_POINTS = 65
DECIMALS = 6


def fitted(labelled: Labelled, pair_scores: NDArray[np.float32]) -> Calibration:
    """Return what scores mean: labelled pairs tell the probability, `pair_scores` (n,) of any the rest."""
    pairs_of_any = pair_scores.astype(np.float64)
    quantiles = np.quantile(pairs_of_any, SHARES).round(DECIMALS) if len(pair_scores) else np.empty(0)
    asked, same = len(np.unique(labelled.queries)), int(labelled.same.sum())
    pairs = len(labelled.same)
    known = Calibration(quantiles, queries=asked, pairs=pairs, same=same / max(1, pairs))
    if not asked:
        return known
    if asked < LEAST_QUERIES or min(same, pairs - same) < LEAST_PAIRS:
        return replace(known, unknown="few")
    method: Method = "isotonic" if same >= ISOTONIC_FROM else "logistic"
    error = calibration_error(held_out(labelled, method), labelled.same)
    if error > MOST_ERROR:
        return replace(known, unknown="imprecise", method=method, error=error)
    return replace(known, unknown=None, method=method, error=error, curve=curve(labelled, method))


def curve(labelled: Labelled, method: Method) -> Curve:
    """Return the line that leads from scores to probabilities."""
    fit = _isotonic if method == "isotonic" else _logistic
    x, y = fit(labelled.scores, labelled.same)
    return Curve(x.round(DECIMALS), np.maximum.accumulate(y).round(DECIMALS))


def held_out(labelled: Labelled, method: Method) -> Reals:
    """Return the probability (n,) of each pair by a curve that was fitted without its query."""
    _, places = np.unique(labelled.queries, return_inverse=True)
    found = np.empty(len(places))
    for fold in range(FOLDS):
        apart = places % FOLDS == fold
        rest = Labelled(labelled.scores[~apart], labelled.same[~apart], labelled.queries[~apart])
        found[apart] = curve(rest, method).at(labelled.scores[apart])
    return found


def calibration_error(probabilities: Reals, same: NDArray[np.bool_]) -> float:
    """Return the expected calibration error of probabilities (n,) in ten bins of one width, 0 to 1.

    Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017
    (arXiv:1706.04599), section 2.
    """
    bins = np.minimum((probabilities * BINS).astype(np.intp), BINS - 1)
    off = np.bincount(bins, weights=probabilities - same, minlength=BINS)
    return float(np.abs(off).sum() / max(1, len(same)))


def _isotonic(scores: Reals, same: NDArray[np.bool_]) -> tuple[Reals, Reals]:
    """Return the middles of the blocks of the isotonic map, and their shares drawn towards that of all."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(scores, kind="stable")
    found = isotonic_regression(same[order].astype(np.float64))
    starts = found.blocks[:-1]
    sizes = np.diff(found.blocks)
    middles = np.add.reduceat(scores[order], starts) / sizes
    # a block of three that are all right is no certainty
    shares = (np.add.reduceat(same[order].astype(np.float64), starts) + same.mean()) / (sizes + 1)
    return middles, shares


def _logistic(scores: Reals, same: NDArray[np.bool_]) -> tuple[Reals, Reals]:
    """Return points of a logistic curve.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999; no target is 0 or 1.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    right, wrong = int(same.sum()), int((~same).sum())
    targets = np.where(same, (right + 1) / (right + 2), 1 / (wrong + 2))
    centre, spread = float(scores.mean()), max(float(scores.std()), 1e-6)
    units = (scores - centre) / spread

    def loss(line: Reals) -> tuple[float, Reals]:
        slope, height = line
        logits = slope * units + height
        off = expit(logits) - targets
        lost = np.logaddexp(0, logits) - targets * logits
        return float(lost.mean()), np.array([(off * units).mean(), off.mean()])

    start = np.array([1.0, np.log((right + 1) / (wrong + 1))])
    # a higher score is never less likely
    slope, height = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)]).x
    x = np.linspace(scores.min(), scores.max(), LOGISTIC_POINTS)
    return x, expit(slope * (x - centre) / spread + height)
