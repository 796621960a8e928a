"""Fixtures of browser tests that look at experiments: a small labelled dataset with really computed ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core import serializers

from gallery import jobs
from gallery.models import Dataset, Image, Job
from search.experiments import jobs as experiment_jobs
from search.models import Experiment, ExperimentQuery, FeatureMatrix, FeatureSpec
from tests.support.browser import CATEGORIES, DATASET, PICTURES_PER_CATEGORY

PLANS = (
    experiment_jobs.Plan("efficientnet-lite0", ("average",), ("cosine", "euclidean")),
    experiment_jobs.Plan("colour-histogram", ("average",), ("cosine", "euclidean")),
)
# parents before children
MODELS = (Dataset, Image, Job, FeatureSpec, FeatureMatrix, Experiment, ExperimentQuery)


@pytest.fixture(scope="session")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that keeps the dataset and its experiments for the tests that follow."""
    return tmp_path_factory.mktemp("computed")


@pytest.fixture
def explored(live_server: Any, sample_folder: Callable[..., Path], settings: Any, computed: Path) -> Dataset:
    """Return a dataset of four categories of four pictures, with experiments of a network and a baseline."""
    media, rows = Path(settings.MEDIA_ROOT), computed / "rows.json"
    if not rows.exists():
        dataset = Dataset.objects.create(slug=DATASET, name="Mine")
        folder = sample_folder(count=PICTURES_PER_CATEGORY, categories=len(CATEGORIES))
        jobs.perform_now(jobs.IMPORT, dataset, path=str(folder), announce=False)
        for plan in PLANS:
            experiment_jobs.compute_now(dataset, plan)
        shutil.copytree(media, computed / "media")
        stored = [row for model in MODELS for row in model._default_manager.all()]
        rows.write_text(serializers.serialize("json", stored))
        return dataset
    shutil.copytree(computed / "media", media, dirs_exist_ok=True)
    for row in serializers.deserialize("json", rows.read_text()):
        row.save()
    # the images that came raised it, and the experiments are of what it was before
    Dataset.objects.update(revision=Experiment.objects.earliest("pk").images_revision)
    return Dataset.objects.get(slug=DATASET)
