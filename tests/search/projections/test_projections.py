"""Maps of vectors: shape, repetition, odd input, samples, and placing without moving what is there."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from fractions import Fraction
from html.entities import name2codepoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from search.projections import neighbours, pca, umap_sgd
from search.projections.clusters import clusters
from search.projections.neighbours import neighbour_lists
from search.projections.out_of_sample import membership
from search.projections.pca import principal_space
from search.projections.plan import METHODS, ProjectionInputError, ProjectionPlan
from search.projections.projection import place, project
from search.projections.quality import separation, trustworthiness
from search.projections.stratified_sample import covering_sample
from search.projections.umap_map import TAKEN_FROM_PYNNDESCENT, LoadedLater, import_umap
from search.types import Ids, Vectors

ROOT = Path(__file__).resolve().parents[3]


def grouped(count: int, groups: int = 6, dims: int = 40, seed: int = 0) -> tuple[Vectors, Ids]:
    """Vectors (count, dims), not negative as features are, around group centres, and their groups."""
    random = np.random.default_rng(seed)
    centres = 3 * random.random((groups, dims))
    group = random.integers(groups, size=count)
    rows = np.abs(centres[group] + 0.5 * random.normal(size=(count, dims)))
    return rows.astype(np.float32), group


@pytest.mark.parametrize("method", METHODS)
def test_the_same_plan_gives_the_same_map_twice_and_keeps_groups_apart(method: str) -> None:
    vectors, group = grouped(300)
    plan = ProjectionPlan(method=method)
    first, second = project(vectors, plan), project(vectors.copy(), plan)
    assert first.points.dtype == np.float32
    assert first.points.shape == (300, 2)
    assert first.fitted == 300
    assert np.array_equal(first.points, second.points)
    assert separation(first.points, group.astype(str).tolist()) > (0.5 if method == "pca" else 0.95)


def test_another_seed_gives_another_map() -> None:
    vectors, _ = grouped(120)
    assert not np.array_equal(
        project(vectors, ProjectionPlan(seed=1)).points, project(vectors, ProjectionPlan(seed=2)).points
    )


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_the_map_is_as_trustworthy_as_umap_learns_own(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.neighbors import NearestNeighbors

    vectors, _ = grouped(500, groups=12)
    ours = project(vectors, ProjectionPlan(metric=metric)).points
    # of so few it would take the exact ones as well, but numba first compiles how it looks for them
    distances, rows = NearestNeighbors(n_neighbors=15, metric=metric).fit(vectors).kneighbors(vectors)
    umap = import_umap()
    # also where they are given it asks whether pynndescent, which is compiled for that, knows the metric
    monkeypatch.setattr(umap.umap_, "pynn_named_distances", {})
    theirs = umap.UMAP(
        metric=metric, random_state=42, n_jobs=1, precomputed_knn=(rows, distances)
    ).fit_transform(vectors)
    ours_trusted = trustworthiness(vectors, ours, metric=metric)
    assert ours_trusted >= trustworthiness(vectors, theirs, metric=metric) - 0.01


def test_a_pca_map_is_the_first_two_singular_directions() -> None:
    vectors, _ = grouped(200)
    centred = vectors.astype(np.float64) - vectors.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :2] * values[:2]
    points = project(vectors, ProjectionPlan(method="pca", metric="euclidean")).points
    signs = np.sign((points * expected).sum(axis=0))
    np.testing.assert_allclose(points, expected * signs, atol=1e-3)


@pytest.mark.parametrize(("count", "dims"), [(3_000, 600), (30, 2_500), (720, 710)])
def test_every_way_to_principal_components_agrees_with_singular_values(
    count: int, dims: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pca, "LARGEST_SCATTER", 700)  # a third of it: the last of these is larger both ways
    random = np.random.default_rng(0)
    spectrum = 0.7 ** np.arange(20)
    basis = np.linalg.qr(random.normal(size=(dims, 20)))[0]
    vectors = ((random.normal(size=(count, 20)) * spectrum) @ basis.T + 0.3).astype(np.float32)
    centred = vectors.astype(np.float64) - vectors.mean(axis=0)
    values, right = np.linalg.eigh(centred @ centred.T if count < dims else centred.T @ centred)
    first = centred.T @ right[:, -1] / np.sqrt(values[-1]) if count < dims else right[:, -1]
    directions = principal_space(vectors, "euclidean", 8).directions
    assert abs(float(directions[:, 0] @ first)) > 0.9999
    np.testing.assert_allclose(directions.T @ directions, np.eye(8), atol=1e-4)
    assert (directions[np.abs(directions).argmax(axis=0), np.arange(8)] > 0).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 16])
def test_any_number_of_vectors_gets_a_finite_map(method: str, count: int) -> None:
    planar_map = project(grouped(count)[0], ProjectionPlan(method=method))
    assert planar_map.points.shape == (count, 2)
    assert np.isfinite(planar_map.points).all()
    assert planar_map.fitted == count


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_equal_and_zero_vectors_get_finite_places(method: str, metric: str) -> None:
    plan = ProjectionPlan(method=method, metric=metric)
    vectors, _ = grouped(60)
    vectors[:25] = vectors[0]
    vectors[50:] = 0
    assert np.isfinite(project(vectors, plan).points).all()
    assert np.isfinite(project(np.zeros((40, 8), dtype=np.float32), plan).points).all()
    assert np.isfinite(project(np.ones((40, 1), dtype=np.float32), plan).points).all()


def test_a_vector_is_its_own_first_neighbour_among_many_equal_ones() -> None:
    rows, squares = neighbour_lists(np.ones((50, 4), dtype=np.float32), 5)
    assert (rows[:, 0] == np.arange(50)).all()
    assert all(len(set(row)) == 5 for row in rows.tolist())
    assert not squares.any()


def test_neighbours_among_many_are_nearly_all_the_true_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = grouped(3_000, groups=60)
    exact, _ = neighbour_lists(vectors, 15)
    monkeypatch.setattr(neighbours, "MOST_EXACT", 1_000)
    found, squares = neighbour_lists(vectors, 15)
    assert (found[:, 0] == np.arange(3_000)).all()
    assert (np.diff(squares, axis=1) >= 0).all()
    assert np.mean([np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)]) > 0.95


def test_cells_that_hold_too_few_are_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MOST_EXACT", 1_000)
    vectors = np.zeros((1_500, 8), dtype=np.float32)
    vectors[:50] = np.random.default_rng(0).normal(size=(50, 8))
    found, squares = neighbour_lists(vectors, 40)
    assert (found >= 0).all()
    assert np.isfinite(squares).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_vectors_that_are_not_finite_are_refused_by_row(bad: float) -> None:
    vectors, _ = grouped(20)
    vectors[7, 3] = bad
    with pytest.raises(ProjectionInputError, match="row 7"):
        project(vectors, ProjectionPlan())


def test_large_but_finite_vectors_are_taken() -> None:
    assert np.isfinite(project(np.full((3, 9), 3e38, dtype=np.float32), ProjectionPlan()).points).all()


@pytest.mark.parametrize("shape", [(5,), (5, 0), (2, 3, 4)])
def test_vectors_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ProjectionInputError, match="shape"):
        project(np.zeros(shape, dtype=np.float32), ProjectionPlan())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("method", "isomap"), ("metric", "l1"), ("neighbours", 1), ("min_dist", 1.5), ("perplexity", 1),
        ("seed", -1), ("fit_limit", 7),
    ],
)  # fmt: skip
def test_a_plan_out_of_range_is_refused(field: str, value: object) -> None:
    with pytest.raises(ProjectionInputError):
        ProjectionPlan(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["umap", "tsne"])
def test_above_the_limit_a_map_is_fitted_on_a_sample_and_the_rest_is_placed(method: str) -> None:
    vectors, group = grouped(900)
    planar_map = project(vectors, ProjectionPlan(method=method, fit_limit=300))
    assert planar_map.fitted == 300
    assert np.isfinite(planar_map.points).all()
    assert separation(planar_map.points, group.astype(str).tolist()) > 0.95


def test_a_covering_sample_keeps_the_rare_kinds_and_the_density() -> None:
    random = np.random.default_rng(0)
    common = random.normal(size=(40_000, 8))
    rare = random.normal(size=(40, 8)) * 0.1 + 30
    sample = covering_sample(np.vstack((common, rare)).astype(np.float32), 10_000, seed=1)
    assert len(np.unique(sample)) == 10_000
    assert (np.diff(sample) > 0).all()
    assert (sample >= 40_000).sum() >= 32  # a plain sample would have ten
    spread = common[sample[sample < 40_000]].std(axis=0)
    np.testing.assert_allclose(spread, 1, atol=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_new_vectors_are_placed_among_their_like_and_old_ones_on_themselves(method: str) -> None:
    vectors, group = grouped(400)
    plan = ProjectionPlan(method=method)
    old, new = vectors[:300], vectors[300:]
    points = project(old, plan).points
    before = points.copy()
    placed = place(np.vstack((new, old[:20])), old, points, plan)
    assert np.array_equal(points, before)
    size = float(np.abs(points).max())
    np.testing.assert_allclose(placed[100:], points[:20], atol=1e-4 * size)
    nearest = np.linalg.norm(placed[:100, None] - points[None], axis=2).argmin(axis=1)
    assert (group[:300][nearest] == group[300:]).mean() > (0.6 if method == "pca" else 0.97)


def test_a_place_stays_with_most_neighbours_rather_than_between_two_parts() -> None:
    fitted = np.array([[0.0], [0.1], [0.2], [0.3]], dtype=np.float32)
    points = np.array([[0, 0], [0, 1], [1, 0], [100, 100]], dtype=np.float32)
    placed = place(np.array([[0.15]]), fitted, points, ProjectionPlan(metric="euclidean", neighbours=4))
    assert np.linalg.norm(placed) < 3


def test_memberships_are_one_for_the_nearest_and_add_up_as_umap_wants() -> None:
    squares = np.sort(np.random.default_rng(0).random((20, 15)).astype(np.float32), axis=1)
    strengths = membership(squares)
    np.testing.assert_allclose(strengths[:, 0], 1)
    np.testing.assert_allclose(strengths.sum(axis=1), np.log2(15), rtol=1e-4)


def test_new_vectors_of_other_features_are_refused() -> None:
    vectors, _ = grouped(20)
    points = project(vectors, ProjectionPlan(method="pca")).points
    with pytest.raises(ProjectionInputError, match="dimensions"):
        place(np.zeros((1, 3)), vectors, points, ProjectionPlan())
    with pytest.raises(ProjectionInputError, match="shape"):
        place(vectors, vectors, points[:4], ProjectionPlan())
    with pytest.raises(ProjectionInputError, match="make one first"):
        place(vectors, vectors[:0], points[:0], ProjectionPlan())


def test_clusters_find_the_groups_whatever_the_seed_and_number_them_by_size() -> None:
    vectors, group = grouped(400, groups=5)
    for seed in (1, 2):
        found = clusters(vectors, seed=seed)
        sizes = np.bincount(found)
        assert len(sizes) == 5
        assert (np.diff(sizes) <= 0).all()
        assert all(len(set(group[found == number].tolist())) == 1 for number in range(5))
    assert np.array_equal(clusters(vectors, seed=1), clusters(vectors, seed=1))


@pytest.mark.parametrize("vectors", [np.zeros((0, 4)), np.ones((9, 4)), np.ones((50, 4))])
def test_too_few_or_equal_vectors_are_one_cluster(vectors: NDArray[np.float64]) -> None:
    assert clusters(vectors).tolist() == [0] * len(vectors)


def test_making_a_map_loads_umap_but_neither_tensorflow_nor_pynndescent() -> None:
    script = (
        "import sys, numpy as np\n"
        "from search.projections.umap_map import import_umap; import_umap()\n"
        "print([name for name in ('tensorflow', 'pynndescent', 'umap') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['umap']"


def test_what_numba_compiles_is_kept_for_other_processes_where_there_is_a_folder() -> None:
    project(grouped(20)[0], ProjectionPlan())
    from umap.umap_ import compute_membership_strengths, smooth_knn_dist

    functions: list[Any] = [smooth_knn_dist, compute_membership_strengths, umap_sgd._compiled()]
    for known in (function.stats for function in functions):
        assert Path(known.cache_path).is_relative_to(os.environ["NUMBA_CACHE_DIR"])
        assert known.cache_hits or known.cache_misses

    class Nowhere:
        def enable_caching(self) -> None:
            raise RuntimeError("no locator available")

    umap_sgd.keep_compiled(Nowhere())


def test_what_is_loaded_later_is_what_umap_learn_takes_from_pynndescent() -> None:
    tree = ast.parse(Path(import_umap().umap_.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    taken = {node.module: [name.name for name in node.names] for node in imports}
    assert {module: [name] for module, name in TAKEN_FROM_PYNNDESCENT.items()} == {
        module: names for module, names in taken.items() if module and module.startswith("pynndescent")
    }


def test_what_is_loaded_later_is_the_class_or_the_table_itself() -> None:
    later = LoadedLater("fractions", "Fraction")
    assert later(1, 2) == Fraction(1, 2)
    assert isinstance(Fraction(1, 2), later)  # type: ignore[arg-type]
    assert not isinstance(0.5, later)  # type: ignore[arg-type]
    assert not isinstance(0.5, LoadedLater("no_such_module", "Fraction"))  # type: ignore[arg-type]
    table = LoadedLater("html.entities", "name2codepoint")
    assert table["amp"] == 38
    assert "no such" not in table
    assert dict(table) == name2codepoint
