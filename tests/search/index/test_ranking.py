"""Exact rankings and their scores against a ten-line reference and cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gallery.errors import NotFoundError
from search import metrics
from search.index import ranking
from search.index.ranking import Rankings, rankings

METRICS = ("cosine", "euclidean", "inner_product", "manhattan")


def similarity(metric: str, query: NDArray[np.float64], other: NDArray[np.float64]) -> np.float32:
    """Return one score, higher is nearer, as it is stored."""
    lengths = np.linalg.norm(query) * np.linalg.norm(other)
    values = {
        "cosine": query @ other / (lengths or 1),
        "inner_product": query @ other,
        "euclidean": -np.linalg.norm(query - other),
        "manhattan": -np.abs(query - other).sum(),
    }
    return np.float32(values[metric])


def reference(
    vectors: NDArray[np.float32], metric: str, labels: NDArray[np.int32], k: int
) -> NDArray[np.float64]:
    """Return weighted precision, precision and average precision of each query, the long way."""
    rows, found = vectors.astype(np.float64), []
    for q in range(len(rows)):
        score = [similarity(metric, rows[q], row) for row in rows]
        order = sorted((i for i in range(len(rows)) if i != q), key=lambda i: (-score[i], i))
        right = [labels[i] == labels[q] for i in order]
        weighted = sum((k - r) * right[r] for r in range(min(k, len(right)))) / sum(range(1, k + 1))
        precisions = [sum(right[: r + 1]) / (r + 1) for r in range(len(right)) if right[r]]
        found.append([weighted, sum(right[:k]) / k, sum(precisions) / max(1, sum(right))])
    return np.array(found)


def scores(found: Rankings, k: int) -> NDArray[np.float64]:
    assert found.relevant is not None
    assert found.average_precision is not None
    weighted = metrics.weighted_precision_at(found.relevant, k)
    return np.stack([weighted, metrics.precision_at(found.relevant, k), found.average_precision], axis=1)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("block", [7, 1000, 8_000_000])
def test_scores_equal_the_reference_on_seeded_vectors(
    metric: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "BLOCK_SCORES", block)
    rng = np.random.default_rng(3)
    vectors = rng.random((90, 24), dtype=np.float32)
    labels = rng.integers(0, 7, 90).astype(np.int32)
    found = rankings(vectors, metric, 50, labels)
    assert scores(found, 10) == pytest.approx(reference(vectors, metric, labels, 10))


@pytest.mark.parametrize("metric", METRICS)
def test_equal_scores_are_ordered_by_place_as_in_the_reference(metric: str) -> None:
    rng = np.random.default_rng(5)
    vectors = rng.integers(0, 2, (60, 4)).astype(np.float32)  # sixty vectors, sixteen kinds, one of them zero
    labels = rng.integers(0, 3, 60).astype(np.int32)
    found = rankings(vectors, metric, 59, labels)
    assert scores(found, 10) == pytest.approx(reference(vectors, metric, labels, 10))
    same = np.diff(found.scores, axis=1) == 0
    assert same.any()
    assert (np.diff(found.neighbours, axis=1)[same] > 0).all()


@pytest.mark.parametrize("metric", METRICS)
def test_the_first_neighbours_are_the_same_with_and_without_labels(metric: str) -> None:
    vectors = np.random.default_rng(7).integers(0, 3, (80, 5)).astype(np.float32)
    with_labels = rankings(vectors, metric, 9, np.zeros(80, dtype=np.int32))
    without = rankings(vectors, metric, 9)
    assert np.array_equal(with_labels.neighbours, without.neighbours)
    assert np.array_equal(with_labels.scores, without.scores)
    assert without.relevant is None


def test_hand_computed_scores_on_a_line() -> None:
    # places 0 1 2 3 at 0, 1, 3, 7 with labels a b a b: place 0 finds 1 (b), 2 (a), 3 (b)
    vectors = np.array([[0], [1], [3], [7]], dtype=np.float32)
    found = rankings(vectors, "euclidean", 50, np.array([0, 1, 0, 1], dtype=np.int32))
    assert found.neighbours.tolist() == [[1, 2, 3], [0, 2, 3], [1, 0, 3], [2, 1, 0]]
    assert found.scores.tolist() == [[-1, -3, -7], [-1, -2, -6], [-2, -3, -4], [-4, -6, -7]]
    # k = 3: weights 3, 2, 1 of 6
    by_hand = [[2 / 6, 1 / 3, 1 / 2], [1 / 6, 1 / 3, 1 / 3], [2 / 6, 1 / 3, 1 / 2], [2 / 6, 1 / 3, 1 / 2]]
    assert scores(found, 3) == pytest.approx(np.array(by_hand))


def test_a_category_of_one_scores_nothing_and_a_single_vector_finds_nothing() -> None:
    vectors = np.eye(3, dtype=np.float32)
    alone = rankings(vectors, "cosine", 10, np.array([0, 1, 2], dtype=np.int32))
    assert not scores(alone, 10).any()
    single = rankings(vectors[:1], "cosine", 10, np.zeros(1, dtype=np.int32))
    assert single.neighbours.shape == (1, 0)
    assert not scores(single, 10).any()


def test_near_duplicates_far_from_the_origin_keep_their_euclidean_order() -> None:
    vectors = np.array([[1000, 1000], [1000, 1000.5], [1000, 1001.5]], dtype=np.float32)
    found = rankings(vectors, "euclidean", 2)
    assert found.neighbours[0].tolist() == [1, 2]
    assert found.scores[0].tolist() == pytest.approx([-0.5, -1.5], rel=1e-4)


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(NotFoundError, match="there are cosine"):
        rankings(np.eye(2, dtype=np.float32), "chebyshev", 1)


def test_only_the_first_are_ranked_among_all_where_no_more_are_asked() -> None:
    vectors = np.random.default_rng(4).normal(size=(30, 5)).astype(np.float32)
    codes = (np.arange(30) % 3).astype(np.int32)
    every, some = rankings(vectors, "cosine", 8, codes), rankings(vectors, "cosine", 8, codes, asked=7)
    assert np.array_equal(some.neighbours, every.neighbours[:7])
    assert np.array_equal(some.scores, every.scores[:7])
    assert some.relevant is not None
    assert every.relevant is not None
    assert np.array_equal(some.relevant, every.relevant[:7])
    assert some.average_precision is not None
    assert every.average_precision is not None
    assert np.array_equal(some.average_precision, every.average_precision[:7])
