"""The figures beside a map against scikit-learn's and by hand, and maps aligned through layers."""

from __future__ import annotations

import numpy as np
import pytest

from search.projections import quality
from search.projections.alignment import aligned_to
from search.projections.plan import METHODS, ProjectionInputError, ProjectionPlan
from search.projections.projection import project
from search.projections.quality import fidelity, neighbour_agreement, separation, trustworthiness
from search.types import Vectors
from tests.search.projections.test_projections import grouped
from tests.support.aligned_maps import displacement, project_aligned


def layers(count: int = 240, number: int = 4) -> list[Vectors]:
    """Features of a network's layers: the same groups, clearer from layer to layer, on other axes in each."""
    random = np.random.default_rng(5)
    group = random.integers(6, size=count)
    own = random.normal(size=(count, 10))
    made = []
    for depth in range(1, number + 1):
        axes = np.linalg.qr(random.normal(size=(16 * depth, 16)))[0].T
        signal = np.hstack((np.eye(6)[group] * (1 + 0.3 * depth), own * 0.8 ** np.arange(10)))
        noise = 0.2 * random.normal(size=(count, 16 * depth))
        made.append((signal @ axes + noise).astype(np.float32))
    return made


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_trustworthiness_equals_scikit_learns(metric: str) -> None:
    from sklearn.manifold import trustworthiness as exact

    vectors, _ = grouped(150)
    points = np.random.default_rng(1).normal(size=(150, 2)).astype(np.float32)
    points[:, 0] += vectors[:, 0] * 2
    for k in (5, 12):
        assert trustworthiness(vectors, points, k, metric=metric) == pytest.approx(
            exact(vectors, points, n_neighbors=k, metric=metric), abs=1e-6
        )


def test_a_sample_of_queries_comes_close_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = grouped(1_200)
    points = project(vectors, ProjectionPlan(method="pca")).points
    every = fidelity(vectors, points)
    monkeypatch.setattr(quality, "QUERIES", 400)
    monkeypatch.setattr(quality, "BLOCK_VALUES", 100_000)  # several blocks
    sampled = fidelity(vectors, points)
    assert (every.queries, sampled.queries) == (1_200, 400)
    assert sampled.trustworthiness == pytest.approx(every.trustworthiness, abs=0.01)
    assert sampled.neighbour_agreement == pytest.approx(every.neighbour_agreement, abs=0.03)
    assert sampled == fidelity(vectors, points)


def test_a_faithful_map_is_trusted_fully_and_a_random_one_half() -> None:
    random = np.random.default_rng(0)
    plane = random.normal(size=(400, 2)).astype(np.float32)
    assert fidelity(plane, plane * 7 + 3, metric="euclidean") == quality.Fidelity(1.0, 1.0, 400)
    chance = fidelity(plane, random.normal(size=(400, 2)), metric="euclidean")
    assert chance.trustworthiness == pytest.approx(0.5, abs=0.05)
    assert chance.neighbour_agreement == pytest.approx(10 / 399, abs=0.02)


def test_neighbour_agreement_counts_the_shared_neighbours() -> None:
    line = np.array([[0], [1], [2.1], [3.3], [4.6]], dtype=np.float32)
    bent = np.array([[0, 0], [1, 0], [9, 0], [9.5, 0], [11, 0]], dtype=np.float32)
    # Nearest on the line 1 0 1 2 3, on the bent map 1 0 3 2 3.
    assert neighbour_agreement(line, bent, 1, metric="euclidean") == pytest.approx(4 / 5)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_few_vectors_have_figures_too(count: int) -> None:
    vectors, _ = grouped(count)
    seen = fidelity(vectors, project(vectors, ProjectionPlan()).points)
    assert 0 <= seen.trustworthiness <= 1
    assert 0 <= seen.neighbour_agreement <= 1


def test_equal_points_do_not_count_as_their_own_neighbours() -> None:
    vectors, _ = grouped(60)
    assert 0 <= trustworthiness(vectors, np.zeros((60, 2))) < 0.8


def test_separation_is_one_for_islands_and_nothing_for_chance() -> None:
    random = np.random.default_rng(0)
    labels = [str(number) for number in random.integers(4, size=400)]
    islands = np.array([[int(label) * 50, 0] for label in labels]) + random.normal(size=(400, 2))
    assert separation(islands, labels) == 1.0
    assert separation(random.normal(size=(400, 2)), labels) == pytest.approx(0, abs=0.04)


def test_separation_allows_for_small_categories_and_leaves_out_the_unlabelled() -> None:
    points = np.array([[0, 0], [0, 1], [9, 0], [9, 1], [0, 0.5], [50, 50]])
    assert separation(points, ["a", "a", "b", "b", "", "c"]) == 1.0


@pytest.mark.parametrize("labels", [[], ["a", "a", "a"], ["", "", ""], ["a", "b", "c"]])
def test_with_nothing_to_separate_separation_is_zero(labels: list[str]) -> None:
    assert separation(np.arange(2 * len(labels)).reshape(-1, 2), labels) == 0


def test_figures_of_a_map_of_other_vectors_are_refused() -> None:
    with pytest.raises(ProjectionInputError, match="shape"):
        fidelity(np.zeros((5, 3)), np.zeros((4, 2)))
    with pytest.raises(ProjectionInputError, match="metric"):
        fidelity(np.zeros((5, 3)), np.zeros((5, 2)), metric="l1")


def test_alignment_undoes_turning_mirroring_scaling_and_shifting() -> None:
    reference = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    turn = np.array([[0.6, 0.8], [0.8, -0.6]])  # a reflection
    np.testing.assert_allclose(aligned_to(reference, reference @ turn * 9 + 4), reference, atol=1e-5)
    assert aligned_to(reference[:1], reference[1:2]) == pytest.approx(reference[:1])
    assert aligned_to(reference[:0], reference[:0]).shape == (0, 2)


def test_alignment_does_not_shrink_a_map_that_has_nothing_in_common() -> None:
    random = np.random.default_rng(0)
    reference, other = random.normal(size=(2, 500, 2)).astype(np.float32)
    aligned = aligned_to(reference, other)
    assert aligned.std() == pytest.approx(reference.std(), rel=0.05)
    assert displacement(reference, aligned) == pytest.approx(1.25, abs=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_images_move_less_from_layer_to_layer_when_aligned(method: str) -> None:
    plan, stack = ProjectionPlan(method=method), layers()
    aligned = project_aligned(stack, plan)
    alone = [project(vectors, plan) for vectors in stack]
    pairs = range(len(stack) - 1)
    moved = np.mean([displacement(aligned[n + 1].points, aligned[n].points) for n in pairs])
    # Maps made alone differ in size and centre too: without that the comparison would be too easy.
    sized = [fit_to_unit(planar_map.points) for planar_map in alone]
    moved_alone = np.mean([displacement(sized[n + 1], sized[n]) for n in pairs])
    assert moved < 0.75 * moved_alone
    assert np.array_equal(aligned[-1].points, alone[-1].points)
    for vectors, near, free in zip(stack, aligned, alone, strict=True):
        assert trustworthiness(vectors, near.points) > trustworthiness(vectors, free.points) - 0.02
    # no map depends on those of earlier layers
    again = project_aligned(stack[-2:], plan)
    assert all(np.array_equal(a.points, b.points) for a, b in zip(aligned[-2:], again, strict=True))


def fit_to_unit(points: Vectors) -> Vectors:
    centred = points - points.mean(axis=0)
    return np.asarray(centred / np.sqrt((centred**2).sum(axis=1).mean()), dtype=np.float32)
