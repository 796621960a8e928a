"""Datasets with made-up features, and maps of them, for tests that need no network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gallery import jobs
from gallery.models import Dataset, Job
from search import job_kinds
from search.embedding import all_layers
from search.features import feature_specs, matrices
from search.maps import jobs as map_jobs
from search.maps.layers import Plan
from search.models import FeatureSpec, Projection
from search.types import Vectors
from tests.support.experiment_rows import stored_images

MODEL = "efficientnet-lite0"


def specs() -> list[FeatureSpec]:
    """Return the specs of the eight layers, from the first to the last."""
    return feature_specs.layer_specs(MODEL, "average")


def pca(**more: Any) -> Plan:
    """Return the plan of a PCA map."""
    return map_jobs.plans(["pca"], [MODEL], **more)[0]


def featured_images(dataset: Dataset, categories: Sequence[str], seed: int = 0) -> list[int]:
    """Add images with features under all layers, near to those of the same category; returns their ids."""
    ids = stored_images(dataset, categories)
    for number, spec in enumerate(specs()):
        vectors = _vectors(categories, spec.dims, seed * 100 + number)
        matrices.append(dataset, spec, np.array(ids, dtype=np.int64), vectors)
        all_layers._costs[spec.config] = 1.0  # else the network would be loaded to measure it
    return ids


def _vectors(categories: Sequence[str], dims: int, seed: int) -> Vectors:
    noise = np.random.default_rng(seed).normal(size=(len(categories), dims))
    centres = [
        np.random.default_rng(sum(name.encode()) + seed % 100).normal(size=dims) for name in categories
    ]
    return np.asarray(noise + np.array(centres), dtype=np.float32)


def project(dataset: Dataset, plan: Plan) -> Job:
    """Make the maps of a plan now."""
    return jobs.perform_now(job_kinds.PROJECT, dataset, **plan.as_job())


def maps(dataset: Dataset, method: str = "pca") -> list[Projection]:
    """Return the maps of a dataset from the first layer to the last."""
    order = {spec.pk: number for number, spec in enumerate(specs())}
    rows = Projection.objects.filter(dataset=dataset, method=method).select_related("dataset", "spec")
    return sorted(rows, key=lambda row: order[row.spec_id])
