"""What is learned of labels: the formula, vectors of length one, and gains of what was not learned from."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from search.index.base import normalise
from search.tuned import curve, held_out
from search.tuned.curve import LearningCurve, Point
from search.tuned.figures import figures_of
from search.tuned.held_out import FOLDS, Gain, Labelled
from search.tuned.tuning import NO_CATEGORY, Tuning, centred_units, learned, taught

DIMS = 24


def labelled_set(each: int, categories: int = 4, *, apart: float = 1.0, seed: int = 1) -> Labelled:
    """Return images whose categories differ in four directions of 24, less than they differ otherwise."""
    random = np.random.default_rng(seed)
    codes = np.repeat(np.arange(categories), each).astype(np.int32)
    vectors = random.normal(size=(len(codes), DIMS)) * np.r_[np.ones(4), np.full(DIMS - 4, 2.0)]
    vectors[:, :4] += apart * 2 * np.eye(4)[codes % 4]
    return Labelled(vectors.astype(np.float16), codes, categories, vectors.mean(axis=0).astype(np.float32))


def some_tuning(seed: int = 2, usual: float = 0.0) -> Tuning:
    random = np.random.default_rng(seed)
    centre, weights = random.normal(size=DIMS), random.normal(size=(DIMS, 3))
    return Tuning(centre.astype(np.float32), weights.astype(np.float32), usual)


@pytest.mark.parametrize("rows", [10, 100])
def test_the_weights_solve_the_ridge_regression(rows: int) -> None:
    random = np.random.default_rng(3)
    units = normalise(random.normal(size=(rows, DIMS)))
    codes = (np.arange(rows) % 3).astype(np.int32)
    codes[0] = NO_CATEGORY
    asked = np.zeros((rows, 3))
    asked[np.arange(1, rows), codes[1:]] = 1
    asked -= asked.mean(axis=0)
    x = units.astype(np.float64)
    expected = np.linalg.inv(x.T @ x + rows / 1000 * np.eye(DIMS)) @ x.T @ asked
    np.testing.assert_allclose(learned(units, codes, 3), expected, rtol=1e-4, atol=1e-4)


def test_a_tuned_vector_is_the_unit_vector_and_its_likenesses_each_with_half_the_weight() -> None:
    tuning = some_tuning()
    vectors = np.random.default_rng(4).normal(size=(9, DIMS)).astype(np.float16)
    tuned = tuning.tuned(vectors)
    units = normalise(vectors.astype(np.float32) - tuning.centre)
    assert tuned.shape == (9, DIMS + 3) == (9, tuning.dims)
    np.testing.assert_allclose(np.linalg.norm(tuned, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(tuned[:, :DIMS] * np.sqrt(2), units, atol=1e-6)
    np.testing.assert_allclose(tuned[:, DIMS:] * np.sqrt(2), normalise(units @ tuning.weights), atol=1e-6)


def test_likenesses_count_as_much_as_the_greatest_is_of_the_usual_one() -> None:
    tuning = some_tuning(usual=1.5)
    vectors = np.random.default_rng(4).normal(size=(50, DIMS)).astype(np.float16)
    units = centred_units(vectors, tuning.centre)
    likeness = units @ tuning.weights
    counting = np.minimum(1, np.maximum(0, likeness.max(axis=1)) / 1.5)
    assert 0 < (counting == 1).sum() < 50
    tuned = tuning.tuned(vectors)
    np.testing.assert_allclose(tuned[:, :DIMS] * np.sqrt(1 + counting**2)[:, None], units, atol=1e-6)
    second = counting[:, None] * normalise(likeness)
    np.testing.assert_allclose(tuned[:, DIMS:] * np.sqrt(1 + counting**2)[:, None], second, atol=1e-6)


def test_a_category_that_nobody_labelled_loses_less_than_with_likenesses_that_always_count_in_full() -> None:
    random, codes = np.random.default_rng(1), np.repeat(np.arange(5), 30).astype(np.int32)
    vectors = (random.normal(size=(150, DIMS)) + 4 * np.eye(DIMS)[codes]).astype(np.float16)
    one = Labelled(vectors, codes, 5, vectors.mean(axis=0).astype(np.float32))
    known = codes < 4
    tuning = taught(one.centre, centred_units(vectors, one.centre)[known], codes[known], 4)
    plain, full, counted = (
        held_out._scores(one, found, np.flatnonzero(~known)).mean()
        for found in (vectors, replace(tuning, usual=0.0).tuned(vectors), tuning.tuned(vectors))
    )
    assert full < counted < plain
    assert plain - counted < (plain - full) * 2 / 3


def test_what_was_learned_before_likenesses_were_weighed_keeps_its_name() -> None:
    assert some_tuning().digest != some_tuning(usual=0.5).digest
    content = hashlib.sha256(b"(24, 3)" + some_tuning().centre.tobytes() + some_tuning().weights.tobytes())
    assert some_tuning().digest == content.hexdigest()


def test_a_vector_at_the_centre_is_tuned_to_nothing_and_not_to_noise() -> None:
    tuning = Tuning(np.zeros(DIMS, np.float32), some_tuning().weights)
    assert not tuning.tuned(np.zeros((1, DIMS))).any()


def test_a_query_is_tuned_as_what_is_stored_of_it_in_half_precision() -> None:
    vector = np.random.default_rng(5).normal(size=(1, DIMS)).astype(np.float32)
    assert np.array_equal(some_tuning().tuned(vector), some_tuning().tuned(vector.astype(np.float16)))


@pytest.mark.parametrize("usual", [0.0, 1.5])
def test_the_linear_part_gives_the_score_of_the_vector_that_it_was_made_for(usual: float) -> None:
    tuning, random = some_tuning(usual=usual), np.random.default_rng(6)
    for _ in range(100):
        vector = random.normal(size=DIMS).astype(np.float16).astype(np.float32)
        direction = random.normal(size=tuning.dims)
        found, constant = tuning.linear_part(vector, direction)
        expected = float(direction @ tuning.tuned(vector[None])[0])
        assert float(found @ vector) + constant == pytest.approx(expected, abs=1e-5)


def test_every_category_is_dealt_out_evenly() -> None:
    codes = np.repeat(np.arange(3), [10, 25, 12]).astype(np.int32)
    folds = held_out.folds_of(codes)
    for code in range(3):
        counts = np.bincount(folds[codes == code], minlength=FOLDS)
        assert counts.max() - counts.min() <= 1


def test_the_labels_of_a_fold_teach_its_tuning_nothing() -> None:
    one = labelled_set(20)
    folds = held_out.folds_of(one.codes)
    first = next(iter(held_out.tuned_folds(one)))
    asked = folds[first.places[0]]
    before = learned(centred_units(one.vectors, one.centre)[folds != asked], one.codes[folds != asked], 4)
    assert np.array_equal(first.tuning.weights, before)
    np.testing.assert_array_equal(first.places, np.flatnonzero(folds == asked))


def test_labels_that_tell_something_gain_and_labels_by_chance_do_not() -> None:
    told = curve.learning_curve(labelled_set(30))
    assert told.last.gain.mean > 10
    assert told.last.gain.is_beyond_noise
    assert figures_of(told)["offered"] is True
    mixed = labelled_set(30)
    chance = np.random.default_rng(7).permutation(mixed.codes).astype(np.int32)
    by_chance = curve.learning_curve(Labelled(mixed.vectors, chance, 4, mixed.centre))
    assert by_chance.last.gain.mean < 3
    assert figures_of(by_chance)["offered"] is False


def test_more_labels_teach_more_and_only_those_that_most_categories_have_are_measured() -> None:
    found = curve.learning_curve(labelled_set(30))
    assert [(point.labels, point.all_labels) for point in found.points] == [
        (5, False), (10, False), (20, False), (24, True),
    ]  # fmt: skip
    scores = [point.weighted_precision for point in found.points]
    assert found.before < scores[0] < scores[-1]
    assert [point.labels for point in curve.learning_curve(labelled_set(10)).points] == [5, 8]


def test_so_many_of_each_category_are_learned_from() -> None:
    codes = np.repeat(np.arange(3), [4, 9, 20]).astype(np.int32)
    chosen = held_out._first_of_each(codes, 7, 0)
    assert np.bincount(codes[chosen]).tolist() == [4, 7, 7]
    assert not np.array_equal(chosen, held_out._first_of_each(codes, 7, 1))


def test_a_category_that_is_too_small_teaches_only_what_others_are_not() -> None:
    codes = np.repeat(np.arange(3), [12, 12, 3]).astype(np.int32)
    one = Labelled(labelled_set(9, 3).vectors, codes, 2, np.zeros(DIMS, np.float32))
    assert one.taught.tolist() == [0] * 12 + [1] * 12 + [NO_CATEGORY] * 3
    assert all(fold.tuning.weights.shape == (DIMS, 2) for fold in held_out.tuned_folds(one))
    # they search all the same
    assert len(held_out.queries_of(one)) == 27


def test_who_has_none_to_find_does_not_search() -> None:
    codes = np.array([0, 0, 1, 2, 2], dtype=np.int32)
    one = Labelled(labelled_set(5, 1).vectors, codes, 0, np.zeros(DIMS, np.float32))
    assert held_out.queries_of(one).tolist() == [0, 1, 3, 4]


def test_the_bounds_of_a_gain_hold_its_mean_and_the_same_scores_gain_nothing() -> None:
    random = np.random.default_rng(8)
    before = random.uniform(size=400)
    after: NDArray[np.float64] = before + random.normal(0.02, 0.2, size=400)
    found = held_out.gain(before, after)
    assert found.least < found.low < found.mean < found.high
    # as the normal distribution has it
    deviation = 100 * (after - before).std() / np.sqrt(400)
    assert found.high - found.low == pytest.approx(2 * 1.96 * deviation, rel=0.1)
    assert held_out.gain(before, before) == Gain(0, 0, 0, 0)
    assert not held_out.gain(before, before).is_beyond_noise
    assert held_out.gain(before[:0], after[:0]) == Gain(0, 0, 0, 0)


def _curve(*points: tuple[float, float]) -> LearningCurve:
    return LearningCurve(
        50.0, [Point(labels, False, precision, Gain(0, 0, 0, 0)) for labels, precision in points], 100
    )


def test_ten_more_labels_are_told_within_what_was_measured() -> None:
    # from 10 to 20 labels it gained 4: from 20 to 30 is log(1.5) / log(2) of that step
    assert _curve((5, 60), (10, 66), (20, 70)).ten_more() == pytest.approx(4 * np.log(1.5) / np.log(2))
    # from 8 to 18 is further than from 5 to 8, which is all that was measured
    assert _curve((5, 60), (8, 66)).ten_more() is None
    # a step that is too short is passed over for a longer one
    assert _curve((5, 60), (10, 64), (12, 66)).ten_more() == pytest.approx(6 * np.log(22 / 12) / np.log(2.4))
    assert _curve((10, 66), (20, 65)).ten_more() == 0
    assert _curve((20, 70)).ten_more() is None
