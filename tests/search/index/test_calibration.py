"""What scores mean: probabilities are right, never fall, and say how far off they are."""

from __future__ import annotations

import json
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from search.index import calibration_fit
from search.index.calibration import (
    EXPANDED,
    SHARES,
    Calibration,
    CalibrationValues,
    Labelled,
    Nearest,
    evidence,
)


def labelled(queries: int, neighbours: int = 20, *, slope: float = 8.0, seed: int = 0) -> Labelled:
    """Return pairs; those that score s are of one category with a probability of expit(slope s - 4)."""
    random = np.random.default_rng(seed)
    scores = random.uniform(-0.2, 1, queries * neighbours)
    same = random.random(len(scores)) < expit(slope * scores - 4)
    return Labelled(alone(scores), same, np.repeat(np.arange(queries), neighbours))


def alone(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return evidence (n, 4) of hits of which nothing but the score (n,) is another one."""
    return np.column_stack((scores, *np.zeros((3, len(scores)))))


def likely(found: Calibration, scores: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the probabilities of such hits."""
    return found.probabilities(alone(scores), np.ones(len(scores), dtype=bool))


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
    probabilities = known(likely(found, scores))
    apart = np.abs(probabilities - expit(8 * scores - 4))
    assert apart.max() < off
    assert apart.mean() < 0.03
    assert (np.diff(known(likely(found, np.linspace(-2, 2, 1000)))) >= 0).all()
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
    scores = np.random.default_rng(3).uniform(0, 1, 1000)
    found = calibration_fit.fitted(Labelled(alone(scores), queries % 5 == 0, queries), PAIRS)
    assert (found.unknown, likely(found, scores)) == ("imprecise", None)
    assert found.error == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize(
    ("pairs", "unknown"),
    [
        (Labelled(alone(np.empty(0)), np.empty(0, dtype=bool), np.empty(0, dtype=np.int64)), "unlabelled"),
        (labelled(30), "few"),
        (Labelled(alone(np.linspace(0, 1, 900)), np.zeros(900, dtype=bool), np.arange(900)), "few"),
    ],
    ids=["none", "few queries", "one sort"],
)
def test_what_cannot_be_known_is_not_said(pairs: Labelled, unknown: str) -> None:
    found = calibration_fit.fitted(pairs, PAIRS)
    assert (found.unknown, likely(found, np.array([0.5])), found.error) == (unknown, None, None)
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
    assert np.array_equal(known(likely(back, scores)), known(likely(first, scores)))


def test_without_pairs_no_percentile_is_said() -> None:
    found = calibration_fit.fitted(labelled(30), np.empty(0, dtype=np.float32))
    assert found.percentiles(np.array([0.5])) is None


def test_evidence_is_score_first_score_place_and_the_agreement_of_the_other_first_hits() -> None:
    nearest = Nearest(np.array([0.8, 0.6, 0.4, -0.1]), np.array(["cat", "dog", "cat", ""]))
    places = np.array([0, 1, 2, 3, 7])
    scores, labels = np.array([0.8, 0.6, 0.4, -0.1, -0.2]), np.array(["cat", "dog", "cat", "", "dog"])
    found = evidence(nearest, places, scores, labels)
    assert EXPANDED == 2
    np.testing.assert_allclose(found[:, 0], scores)
    np.testing.assert_allclose(found[:, 1], 0.8)
    assert found[:, 2].tolist() == [1, 1, 0, 0, 0]
    # of a first hit among the others, of a later one among all; what has no label agrees with nobody
    np.testing.assert_allclose(found[:, 3], [0.4 / 1.0, 0, 0.8 / 1.4, 0, 0.6 / 1.8])


def test_hits_with_whom_others_agree_are_likelier_and_those_without_a_label_are_as_likely_as_all() -> None:
    random = np.random.default_rng(4)
    agreement = random.random(8000)
    found = np.column_stack((random.uniform(0, 1, 8000), np.zeros((8000, 2)), agreement))
    same = random.random(8000) < agreement
    fitted = calibration_fit.fitted(Labelled(found, same, np.repeat(np.arange(400), 20)), PAIRS)
    asked = np.column_stack((np.full(3, 0.5), np.zeros((3, 2)), [0.1, 0.5, 0.9]))
    sure = known(fitted.probabilities(asked, np.ones(3, dtype=bool)))
    np.testing.assert_allclose(sure, [0.1, 0.5, 0.9], atol=0.1)
    bare = known(fitted.probabilities(asked, np.zeros(3, dtype=bool)))
    np.testing.assert_allclose(bare, 0.5, atol=0.05)


def test_neighbours_of_queries_whose_category_was_taken_out_make_what_is_like_them_unlikely() -> None:
    random = np.random.default_rng(5)
    near, far = random.uniform(0.6, 1, 4000), random.uniform(0, 0.4, 100)
    some = Labelled(alone(near), random.random(4000) < 0.8, np.repeat(np.arange(200), 20))
    alike = Labelled(some.evidence, some.same, some.queries, alone(far))
    unlike = np.array([0.2])
    assert known(likely(calibration_fit.fitted(some, PAIRS), unlike))[0] > 0.7
    assert known(likely(calibration_fit.fitted(alike, PAIRS), unlike))[0] < 0.1
    assert known(likely(calibration_fit.fitted(alike, PAIRS), np.array([0.8])))[0] == pytest.approx(
        0.8, abs=0.05
    )
    # one search in ten is taken to be of that kind, however many of them there were
    mixed = Labelled(some.evidence, some.same, some.queries, alone(near[:100]))
    assert known(likely(calibration_fit.fitted(mixed, PAIRS), np.array([0.8])))[0] == pytest.approx(
        0.9 * 0.8, abs=0.05
    )


def test_what_was_fitted_to_scores_alone_still_says_what_it_said() -> None:
    older = {
        "unknown": None, "method": "isotonic", "queries": 50, "pairs": 500, "same": 0.5, "error": 0.01,
        "scores": [0.0, 1.0], "probabilities": [0.1, 0.9], "pair_scores": [],
    }  # fmt: skip
    found = Calibration.of_values(cast(CalibrationValues, older))
    for labelled_hits in (True, False):
        asked = np.array([[0.5, 0.9, 1, 0.3]])
        assert found.probabilities(asked, np.array([labelled_hits])) == pytest.approx(0.5)
