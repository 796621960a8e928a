"""How an index is tuned: on the queries that matter, no harder than is needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from search.index.faiss.index import FaissIndex
from search.index.faiss.kinds import filled, learned_lists
from search.index.faiss.stored_vectors import MappedVectors
from search.index.faiss.tuning import RecallSample, recall_samples, tuned
from tests.search.index.conftest import COUNT
from tests.search.index.test_faiss import DIMS

FACTORY = f"RR{DIMS},IVF128,RaBitQfs"


@pytest.fixture(scope="module")
def index(stored: MappedVectors) -> FaissIndex:
    return filled(FACTORY, stored, COUNT, learned_lists(stored, COUNT, FACTORY))


def test_the_exams_ask_different_questions_whose_answers_leave_them_out(stored: MappedVectors) -> None:
    tuning, reporting = recall_samples(stored, (100, 50))
    assert (len(tuning.own_ids), len(reporting.own_ids)) == (100, 50)
    assert not np.isin(tuning.own_ids, reporting.own_ids).any()
    scores = stored.scores(tuning.queries[:1], stored.ids)[0]
    np.testing.assert_allclose(np.sort(scores)[-11:-1][::-1], tuning.exact[0], atol=2e-6)


def test_the_harder_half_is_the_one_that_lies_apart(stored: MappedVectors) -> None:
    tuning, _ = recall_samples(stored, (100, 50))
    harder = tuning.hardest_half()
    others = ~np.isin(tuning.own_ids, harder.own_ids)
    assert len(harder.own_ids) == 50
    assert harder.exact[:, -1].max() <= tuning.exact[others, -1].min()


def test_the_wanted_recall_is_reached_and_else_everything_tried(
    index: FaissIndex, stored: MappedVectors
) -> None:
    tuning, _ = recall_samples(stored, (100, 50))
    trial = tuned(index, tuning, 0.995)
    assert trial.recall_at_10 >= 0.995
    assert trial.effort_lists < 128
    found = index.search(tuning.queries, 11, effort=trial.effort)
    assert tuning.recall(found.ids, found.scores) >= 0.99
    most = tuned(index, tuning, 1.1)
    assert (most.effort_lists, most.effort_candidates) == (128, 1024)


def test_lists_learned_before_are_those_that_are_searched(index: FaissIndex, stored: MappedVectors) -> None:
    again = filled(FACTORY, stored, COUNT, learned_lists(stored, COUNT, FACTORY))
    queries = stored.units(stored.ids[:20])
    np.testing.assert_array_equal(index.search(queries, 10).ids, again.search(queries, 10).ids)
    assert index.count == COUNT


def test_no_true_neighbours_are_all_found() -> None:
    exam = RecallSample(
        np.ones((1, 4), dtype=np.float32), np.array([0]), np.full((1, 10), -np.inf, dtype=np.float32)
    )
    assert exam.recall(np.array([[-1]]), np.array([[-np.inf]], dtype=np.float32)) == 1.0


def test_candidates_are_counted_without_the_query_and_its_like() -> None:
    exam = RecallSample(np.ones((3, 4), dtype=np.float32), np.arange(3), np.ones((3, 10), dtype=np.float32))
    proposed = np.tile(np.arange(60, dtype=np.int64), (3, 1))
    proposed[2, 30:] = -1
    falling = -np.arange(60, dtype=np.float32)
    places = exam.places(proposed, np.stack((falling, -falling, falling)))
    assert places[0].tolist() == list(range(10))  # the 25 nearest were proposed first, and count for nothing
    assert places[1].tolist() == list(range(34, 24, -1))  # and here last
    assert places[2].tolist() == [0, 1, 2, 3, 4, 0, 0, 0, 0, 0]  # after thirty there are no more


def test_enough_candidates_are_proposed_for_neighbours_that_are_no_like_of_the_query(
    index: FaissIndex, stored: MappedVectors
) -> None:
    tuning, _ = recall_samples(stored, (100, 50))
    coarse = filled("PCAR24,IVF128,RaBitQ", stored, COUNT)
    trial = tuned(coarse, tuning, 0.98)
    assert trial.effort_candidates > tuned(index, tuning, 0.98).effort_candidates
    harder = tuning.hardest_half()
    ids, scores = coarse.proposals(harder.queries, replace(trial.effort, candidates=1024))
    assert (harder.places(ids, scores) < trial.effort_candidates).mean() >= 0.98
