"""The float16 vectors beside an index: their bits, their rows and their scores."""

from __future__ import annotations

import numpy as np
import pytest

from gallery.errors import NotFoundError
from search.index.base import normalise
from search.index.faiss.stored_vectors import HALF_SCALE, MappedVectors, RowsOfIds, scaled_floats
from search.types import Ids
from tests.search.index.test_faiss import clustered


def test_every_finite_float16_is_turned_into_the_same_float32() -> None:
    halves = np.arange(2**16, dtype=np.uint32).astype(np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)]
    np.testing.assert_array_equal(scaled_floats(halves) * HALF_SCALE, halves.astype(np.float32))


@pytest.mark.parametrize(
    "ids",
    [
        np.arange(100) + 7,
        np.delete(np.arange(1_000) + 7, [0, 3, 4, 500, 998]),
        np.arange(100) * 3,
        np.array([5]),
        np.empty(0, dtype=np.int64),
    ],
    ids=["one run", "a few gaps", "only gaps", "one", "none"],
)
def test_ids_are_found_in_runs_and_without(ids: Ids) -> None:
    asked = np.arange(-3, 1_100, dtype=np.int64)
    rows, known = RowsOfIds(ids.astype(np.int64)).find(asked)
    np.testing.assert_array_equal(known, np.isin(asked, ids))
    np.testing.assert_array_equal(ids[rows[known]], asked[known])


def test_scores_are_the_inner_products_of_centred_unit_vectors() -> None:
    ids, centre = np.arange(5_000, dtype=np.int64), np.full(32, 0.3, dtype=np.float32)
    halves = clustered(5_000, 32).astype(np.float16)
    halves[17] = 0.3  # nothing but rounding is left of it
    stored = MappedVectors(ids, halves, centre)
    stored.lengths[18] = 0
    queries = normalise(clustered(3, 32, seed=1))
    exact = queries @ stored.units(ids).T
    found = stored.scores(queries, ids)
    others = np.delete(ids, [17, 18])
    np.testing.assert_allclose(found[:, others], exact[:, others], atol=2e-6)
    assert (found[:, 18] == 0).all()
    with pytest.raises(NotFoundError, match="5000"):
        stored.raw(np.array([5_000]))
