"""Fixtures of tests that read experiments: a few images, and what they found in one."""

from __future__ import annotations

import pytest

from gallery.models import Dataset
from search.models import Experiment
from tests.support.experiment_rows import experiment_row, feature_spec, query_row, stored_images


@pytest.fixture
def images(dataset: Dataset) -> list[int]:
    """Return the ids of six images: two cats, two dogs, two without a label."""
    return stored_images(dataset, ["cats", "cats", "dogs", "dogs", "", ""])


@pytest.fixture
def experiment(dataset: Dataset, images: list[int]) -> Experiment:
    """Return an experiment in which the first image has found all the others in order."""
    row = experiment_row(
        dataset,
        feature_spec(),
        weighted_precision=0.92345,
        precision=0.9,
        average_precision=0.85,
        extract_ms=4.56789,
        categories=[
            {
                "name": "cats",
                "images": 2,
                "weighted_precision": 1.0,
                "precision": 0.5,
                "average_precision": 0.25,
            }
        ],
        confusion=[{"category": "cats", "neighbours": [{"category": "cats", "count": 2}]}],
    )
    query_row(
        row,
        images[0],
        images[1:],
        [0.98765432, 0.5, 0.5, 0.25, 1e-7],
        weighted_precision=0.75,
        precision=0.5,
        average_precision=1.0,
    ).save()
    query_row(row, images[4], images[:4], [0.4, 0.3, 0.2, 0.1]).save()
    return row
