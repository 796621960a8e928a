"""Fits what scores mean to labelled pairs, and says by cross-validation how far off that is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from search.index.calibration import FEATURES, SHARES, Calibration, Curve, Labelled, Method, Reals

# One query in so many is of what the dataset has no category of; said in docs/explanation/scores.md
ABSENT = 0.1
WITHOUT_LABEL = FEATURES - 1  # columns of evidence that do not ask for the hit's label
PENALTY = 1e-3
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
    both = (curve(labelled, method, columns) for columns in (FEATURES, WITHOUT_LABEL))
    return replace(known, unknown=None, method=method, error=error, curve=next(both), unlabelled=next(both))


def curve(labelled: Labelled, method: Method, columns: int = FEATURES) -> Curve:
    """Return the line that leads from the first columns of evidence to probabilities.

    Neighbours of queries whose category was taken out count as `ABSENT` of all.
    """
    present, absent = len(labelled.same), len(labelled.absent)
    share = ABSENT if absent else 0.0
    found = np.vstack((labelled.evidence, labelled.absent))[:, :columns]
    same = np.concatenate((labelled.same, np.zeros(absent, dtype=np.bool_)))
    counting = np.concatenate((
        np.full(present, 1 - share),
        np.full(absent, share * present / max(1, absent)),
    ))  # fmt: skip
    weights = _line(found, same, counting).round(DECIMALS)
    fit = _isotonic if method == "isotonic" else _logistic
    x, y = fit(found @ weights, same, counting)
    return Curve(x.round(DECIMALS), np.maximum.accumulate(y).round(DECIMALS), weights)


def _line(found: Reals, same: NDArray[np.bool_], counting: Reals) -> Reals:
    """Return how much each column of evidence speaks for a hit, (c,), by logistic regression."""
    from scipy.optimize import minimize
    from scipy.special import expit

    middle, spread = found.mean(axis=0), np.maximum(found.std(axis=0), 1e-6)
    units = np.column_stack(((found - middle) / spread, np.ones(len(found))))
    shares = counting / counting.sum()

    def loss(line: Reals) -> tuple[float, Reals]:
        logits, slopes = units @ line, np.append(line[:-1], 0.0)
        lost = shares @ (np.logaddexp(0, logits) - same * logits)
        slope = units.T @ (shares * (expit(logits) - same))
        return float(lost + PENALTY * slopes @ slopes), slope + 2 * PENALTY * slopes

    # neither a higher score nor more agreement makes a hit less likely
    bounds = [(0, None) if column in (0, FEATURES - 1) else (None, None) for column in range(units.shape[1])]
    bounds[-1] = (None, None)
    line = minimize(loss, np.zeros(units.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds).x
    return np.asarray(line[:-1] / spread)


def held_out(labelled: Labelled, method: Method) -> Reals:
    """Return the probability (n,) of each pair by a curve that was fitted without its query."""
    _, places = np.unique(labelled.queries, return_inverse=True)
    found = np.empty(len(places))
    for fold in range(FOLDS):
        apart = places % FOLDS == fold
        rest = replace(
            labelled,
            evidence=labelled.evidence[~apart],
            same=labelled.same[~apart],
            queries=labelled.queries[~apart],
        )
        found[apart] = curve(rest, method).at(labelled.evidence[apart])
    return found


def calibration_error(probabilities: Reals, same: NDArray[np.bool_]) -> float:
    """Return the expected calibration error of probabilities (n,) in ten bins of one width, 0 to 1.

    Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017
    (arXiv:1706.04599), section 2.
    """
    bins = np.minimum((probabilities * BINS).astype(np.intp), BINS - 1)
    off = np.bincount(bins, weights=probabilities - same, minlength=BINS)
    return float(np.abs(off).sum() / max(1, len(same)))


def _isotonic(x: Reals, same: NDArray[np.bool_], counting: Reals) -> tuple[Reals, Reals]:
    """Return the middles of the blocks of the isotonic map, and their shares drawn towards that of all."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(x, kind="stable")
    x, right, counting = x[order], same[order].astype(np.float64), counting[order]
    starts = isotonic_regression(right, weights=counting).blocks[:-1]
    sizes = np.add.reduceat(counting, starts)
    middles = np.add.reduceat(x * counting, starts) / sizes
    # a block of three that are all right is no certainty
    of_all = float(right @ counting / counting.sum())
    return middles, (np.add.reduceat(right * counting, starts) + of_all) / (sizes + 1)


def _logistic(x: Reals, same: NDArray[np.bool_], counting: Reals) -> tuple[Reals, Reals]:
    """Return points of a logistic curve.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999; no target is 0 or 1.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    right, wrong = float(counting[same].sum()), float(counting[~same].sum())
    targets = np.where(same, (right + 1) / (right + 2), 1 / (wrong + 2))
    shares = counting / counting.sum()
    centre, spread = float(x.mean()), max(float(x.std()), 1e-6)
    units = (x - centre) / spread

    def loss(line: Reals) -> tuple[float, Reals]:
        slope, height = line
        logits = slope * units + height
        off = shares * (expit(logits) - targets)
        lost = shares @ (np.logaddexp(0, logits) - targets * logits)
        return float(lost), np.array([off @ units, off.sum()])

    start = np.array([1.0, np.log((right + 1) / (wrong + 1))])
    # more evidence is never less likely
    slope, height = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)]).x
    points = np.linspace(x.min(), x.max(), LOGISTIC_POINTS)
    return points, expit(slope * (points - centre) / spread + height)
