"""What scores mean: probabilities are right, never fall, and say how far off they are."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from search.index import calibration_fit
from search.index.calibration import SHARES, Calibration, Labelled


def labelled(queries: int, neighbours: int = 20, *, slope: float = 8.0, seed: int = 0) -> Labelled:
    """Return pairs; those that score s are of one category with a probability of expit(slope s - 4)."""
    random = np.random.default_rng(seed)
    scores = random.uniform(-0.2, 1, queries * neighbours)
    same = random.random(len(scores)) < expit(slope * scores - 4)
    return Labelled(scores, same, np.repeat(np.arange(queries), neighbours))


def known(found: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return what must be known."""
    assert found is not None
    return found


PAIRS = np.random.default_rng(1).normal(0, 0.1, 100_000).astype(np.float32)


@pytest.mark.parametrize(("queries", "method", "off"), [(45, "logistic", 0.06), (800, "isotonic", 0.1)])
def test_probabilities_are_those_that_pairs_were_drawn_with(queries: int, method: str, off: float) -> None:
    found = calibration_fit.fitted(labelled(queries, 10 if queries < 100 else 20), PAIRS)
    assert (found.method, found.unknown, found.queries) == (method, None, queries)
    scores = np.linspace(-0.1, 0.95, 40)
    probabilities = known(found.probabilities(scores))
    apart = np.abs(probabilities - expit(8 * scores - 4))
    assert apart.max() < off
    assert apart.mean() < 0.03
    assert (np.diff(known(found.probabilities(np.linspace(-2, 2, 1000)))) >= 0).all()
    assert found.error is not None
    assert found.error < 0.05


def test_the_error_is_how_far_probabilities_are_from_what_comes_true() -> None:
    same = np.array([True, True, True, False] * 25)
    assert calibration_fit.calibration_error(np.full(100, 0.75), same) == pytest.approx(0)
    assert calibration_fit.calibration_error(np.full(100, 0.95), same) == pytest.approx(0.2)
    half = np.repeat([0.25, 1.0], 50)
    assert calibration_fit.calibration_error(half, half > 0.5) == pytest.approx(0.125)


def test_what_the_other_queries_do_not_bear_out_is_too_imprecise_to_be_said() -> None:
    queries = np.repeat(np.arange(100), 10)
    # all neighbours of a fifth of the queries are right, and none of the others'
    some = Labelled(np.random.default_rng(3).uniform(0, 1, 1000), queries % 5 == 0, queries)
    found = calibration_fit.fitted(some, PAIRS)
    assert (found.unknown, found.probabilities(some.scores)) == ("imprecise", None)
    assert found.error == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize(
    ("pairs", "unknown"),
    [
        (Labelled(np.empty(0), np.empty(0, dtype=bool), np.empty(0, dtype=np.int64)), "unlabelled"),
        (labelled(30), "few"),
        (Labelled(np.linspace(0, 1, 900), np.zeros(900, dtype=bool), np.arange(900)), "few"),
    ],
    ids=["none", "few queries", "one sort"],
)
def test_what_cannot_be_known_is_not_said(pairs: Labelled, unknown: str) -> None:
    found = calibration_fit.fitted(pairs, PAIRS)
    assert (found.unknown, found.probabilities(np.array([0.5])), found.error) == (unknown, None, None)
    assert found.percentiles(np.array([0.5])) is not None


def test_percentiles_are_the_shares_of_pairs_that_score_less() -> None:
    found = calibration_fit.fitted(labelled(30), PAIRS)
    scores = np.linspace(-1, 1, 500)
    percentiles = known(found.percentiles(scores))
    assert (np.diff(percentiles) >= 0).all()
    assert (percentiles[0], percentiles[-1]) == (0, SHARES[-1])
    exact = np.searchsorted(np.sort(PAIRS), scores) / len(PAIRS)
    assert np.abs(percentiles - exact)[exact > 0.1].max() < 0.02
    high = scores[(exact > 0.9) & (exact < 0.9999)]
    exact_high = np.searchsorted(np.sort(PAIRS), high) / len(PAIRS)
    assert np.abs((1 - known(found.percentiles(high))) / (1 - exact_high) - 1).max() < 0.1


def test_a_calibration_comes_back_from_plain_values_and_is_fitted_alike_again() -> None:
    first = calibration_fit.fitted(labelled(300), PAIRS)
    again = calibration_fit.fitted(labelled(300), PAIRS)
    assert first.as_values() == again.as_values()
    back = Calibration.of_values(json.loads(json.dumps(first.as_values())))
    assert back.as_values() == first.as_values()
    scores = np.linspace(0, 1, 50)
    assert np.array_equal(known(back.probabilities(scores)), known(first.probabilities(scores)))


def test_without_pairs_no_percentile_is_said() -> None:
    found = calibration_fit.fitted(labelled(30), np.empty(0, dtype=np.float32))
    assert found.percentiles(np.array([0.5])) is None
