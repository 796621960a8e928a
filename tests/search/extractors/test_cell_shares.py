"""The shares of the cells add up to the score: for every pooling, every metric, and with the PCA."""

from __future__ import annotations

import numpy as np
import pytest

from gallery.errors import NotFoundError
from search.extractors import cell_shares
from search.extractors.cell_shares import Map, between, centred_cosine, coarser, pooled_shares
from search.extractors.feature_extractor import DEFAULT_PCA
from search.extractors.pca.components import load_pca
from search.extractors.pooling import POOLINGS, pooling
from search.index import ranking

METRICS = ("cosine", "inner_product", "euclidean", "manhattan")
SHAPES = ((9, 9, 24), (7, 7, 16), (1, 1, 32), (2, 5, 8), (14, 13, 12))


def maps(generator: np.random.Generator, shape: tuple[int, int, int], *, relu: bool) -> list[Map]:
    """Return two maps, with negative values or, as behind a ReLU, with many zeros."""
    drawn = [generator.normal(size=shape).astype(np.float32) for _ in range(2)]
    return [np.maximum(one, 0) for one in drawn] if relu else drawn


@pytest.mark.parametrize("name", POOLINGS)
def test_shares_of_a_pooled_sum_add_up_to_it(name: str) -> None:
    generator = np.random.default_rng(4)
    for number in range(200):
        (one, _) = maps(generator, SHAPES[number % len(SHAPES)], relu=bool(number % 2))
        pooled = pooling(name)(one[None])[0]
        direction = generator.normal(size=len(pooled))
        shares = pooled_shares(one, name, direction)
        assert shares.shape == one.shape[:2]
        assert shares.sum() == pytest.approx(direction @ pooled, abs=1e-4 * float(np.abs(pooled).sum()))


def test_every_pooling_can_be_shared_out_and_no_other() -> None:
    assert set(cell_shares._SHARES) == set(POOLINGS)
    with pytest.raises(NotFoundError):
        pooled_shares(np.ones((2, 2, 3), dtype=np.float32), "median", np.ones(3))


@pytest.mark.parametrize("name", POOLINGS)
def test_cells_of_both_maps_add_up_to_the_centred_cosine_of_a_thousand_pairs(name: str) -> None:
    generator = np.random.default_rng(7)
    for number in range(1000):
        drawn = maps(generator, SHAPES[number % len(SHAPES)], relu=bool(number % 2))
        vectors = pooling(name)(np.stack(drawn))
        centre = vectors.mean(axis=0) + generator.normal(scale=0.1, size=vectors.shape[1])
        units = vectors - centre
        units /= np.linalg.norm(units, axis=1, keepdims=True)
        score = float(units[0] @ units[1])
        for own, other in ((0, 1), (1, 0)):
            linear = centred_cosine(units[other], vectors[own], centre)
            assert cell_shares.cell_shares(drawn[own], name, linear).sum() == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize("name", POOLINGS)
@pytest.mark.parametrize("metric", METRICS)
def test_cells_of_both_maps_add_up_to_the_score_of_an_experiment(name: str, metric: str) -> None:
    generator = np.random.default_rng(11)
    for number in range(100):
        drawn = maps(generator, SHAPES[number % len(SHAPES)], relu=bool(number % 2))
        vectors = pooling(name)(np.stack(drawn))
        score = float(ranking.scorer(vectors, metric)(0, 1)[0, 1])
        for own, other in ((0, 1), (1, 0)):
            linear = between(metric, vectors[own], vectors[other])
            assert linear.of(vectors[own]) == pytest.approx(score, rel=1e-4, abs=1e-4)
            shares = cell_shares.cell_shares(drawn[own], name, linear)
            assert shares.sum() == pytest.approx(score, rel=1e-4, abs=1e-4)


def test_the_shipped_pca_is_shared_out_as_well() -> None:
    generator = np.random.default_rng(3)
    pca = load_pca(DEFAULT_PCA)
    for _ in range(20):
        drawn = maps(generator, (9, 9, 1280), relu=True)
        vectors = pca.apply(pooling("pyramid")(np.stack(drawn)))
        centre = vectors.mean(axis=0) * 0.7
        unit = (vectors[0] - centre) / np.linalg.norm(vectors[0] - centre)
        linear = centred_cosine(unit, vectors[1], centre)
        shares = cell_shares.cell_shares(drawn[1], "pyramid", linear, pca.components)
        assert shares.sum() == pytest.approx(linear.of(vectors[1]), abs=1e-5)


def test_a_cell_that_answers_alone_has_the_whole_score() -> None:
    one = np.zeros((3, 3, 4), dtype=np.float32)
    one[1, 2] = [1, 2, 3, 4]
    for name in ("average", "max"):
        vector = pooling(name)(one[None])[0]
        shares = cell_shares.cell_shares(one, name, between("cosine", vector, vector))
        assert shares[1, 2] == pytest.approx(1)
        assert np.count_nonzero(np.round(shares, 9)) == 1


def test_equal_vectors_have_no_distance_to_share() -> None:
    one = np.abs(np.random.default_rng(1).normal(size=(2, 2, 3))).astype(np.float32)
    vector = pooling("average")(one[None])[0]
    for metric in ("euclidean", "manhattan"):
        assert not cell_shares.cell_shares(one, "average", between(metric, vector, vector)).any()
    with pytest.raises(NotFoundError):
        between("hamming", vector, vector)


def test_fine_maps_are_told_in_few_cells_that_keep_the_sum() -> None:
    shares = np.random.default_rng(2).normal(size=(70, 33))
    told = coarser(shares)
    assert told.shape == (32, 32)
    assert told.sum() == pytest.approx(shares.sum())
    assert told[0, 0] == pytest.approx(shares[:2, :1].sum())
    assert coarser(told) is told
