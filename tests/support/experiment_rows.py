"""Rows of datasets and experiments made directly, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from django.db.models import Max

from gallery.models import Dataset, Image
from search.models import Experiment, ExperimentQuery, FeatureSpec
from search.types import FeatureConfig
from tests.support.sequences import count_on


def stored_images(dataset: Dataset, categories: Sequence[str]) -> list[int]:
    """Add one image of each of these categories, without files; returns their ids in order."""
    first = (Image.objects.aggregate(last=Max("pk"))["last"] or 0) + 1
    ids = list(range(first, first + len(categories)))
    images = [
        Image(
            pk=pk,
            dataset=dataset,
            sha256=f"{pk:064x}",
            file=f"images/{dataset.pk}/00/{pk:064x}.png",
            thumbnail=f"thumbnails/{dataset.pk}/00/{pk:064x}.webp",
            filename=f"{pk}.png",
            category=category,
            width=64,
            height=48,
            size_bytes=1,
            format="PNG",
        )
        for pk, category in zip(ids, categories, strict=True)
    ]
    Image.objects.bulk_create(images, batch_size=2000)
    count_on([Image])
    return ids


def feature_spec(
    layer: str = "top", *, model: str = "efficientnet-lite0", pooling: str = "average", dims: int = 1280
) -> FeatureSpec:
    """Return the spec of these names."""
    config = FeatureConfig(model, layer, pooling, "", "", 224, "ease", "0" * 64, dims)
    return FeatureSpec.objects.for_config(config)


def experiment_row(dataset: Dataset, spec: FeatureSpec, metric: str = "cosine", **values: Any) -> Experiment:
    """Return a new experiment of a dataset as it is now; `values` are more of its columns."""
    usual = {
        "images": dataset.images.count(),
        "images_revision": dataset.current_revision(),
        "k": 10,
    }
    return Experiment.objects.create(dataset=dataset, spec=spec, metric=metric, **usual | values)


def query_row(
    experiment: Experiment, image_id: int, found: Sequence[int], scores: Sequence[float], **values: Any
) -> ExperimentQuery:
    """Return a new, unsaved row of what an image found; `values` are its scores."""
    return ExperimentQuery(
        experiment=experiment,
        image_id=image_id,
        neighbours=np.array(found, dtype="<i8").tobytes(),
        scores=np.array(scores, dtype="<f4").tobytes(),
        **values,
    )
