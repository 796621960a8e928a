"""Fixtures of browser tests that look at experiments: a small labelled dataset with really computed ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gallery.models import Dataset
from search.experiments import jobs as experiment_jobs
from tests.support.browser import CATEGORIES, DATASET, PICTURES_PER_CATEGORY
from tests.support.snapshots import restored

PLANS = (
    experiment_jobs.Plan("efficientnet-lite0", ("average",), ("cosine", "euclidean")),
    experiment_jobs.Plan("colour-histogram", ("average",), ("cosine", "euclidean")),
)


@pytest.fixture
def explored(live_server: Any, sample_dataset: Callable[..., Dataset]) -> Dataset:
    """Return a dataset of four categories of four pictures, with experiments of a network and a baseline."""

    def build() -> None:
        dataset = sample_dataset(PICTURES_PER_CATEGORY, len(CATEGORIES), features=False)
        for plan in PLANS:
            experiment_jobs.compute_now(dataset, plan)

    restored("explored", build)
    return Dataset.objects.get(slug=DATASET)
