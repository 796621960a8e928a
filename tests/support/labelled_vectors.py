"""A dataset of images without files whose vectors tell their categories, for tests of what is learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from gallery.models import Dataset
from search.embedding.writer import store_embeddings
from search.features import feature_specs
from search.models import SearchIndex
from tests.support.experiment_rows import feature_spec, stored_images

DIMS = 24


def labelled(dataset: Dataset, each: int = 15, *, seed: int = 1, apart: float = 2.0) -> SearchIndex:
    """Give a dataset images of four categories that differ in four directions, less than otherwise."""
    index = feature_specs.index_of(dataset, feature_spec(dims=DIMS))
    add(index, np.repeat(np.arange(4), each), seed=seed, apart=apart)
    return index


def add(index: SearchIndex, codes: Any, *, seed: int, apart: float = 2.0) -> list[int]:
    """Add an image with a vector of each of these categories."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(len(codes), DIMS)) * np.r_[np.ones(4), np.full(DIMS - 4, 2.0)]
    vectors[:, :4] += apart * np.eye(4)[codes]
    ids = stored_images(index.dataset, [f"kind {code}" for code in codes])
    store_embeddings(index, np.array(ids, dtype=np.int64), vectors.astype(np.float32))
    return ids
