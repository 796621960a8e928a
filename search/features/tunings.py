"""The tunings of datasets: which spec they make of which, and the vectors they make."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gallery.errors import WeightsError
from search.features import feature_specs
from search.models import FeatureSpec, SearchIndex
from search.models import Tuning as TuningRow
from search.tuned.tuning import Tuning
from search.types import FeatureConfig

KEPT = 16  # of a process; one takes about a megabyte


class TuningGoneError(WeightsError):
    """What was learned of labels is not there any more."""

    code = "tuning_gone"


@lru_cache(KEPT)
def _known(name: str) -> tuple[Tuning, FeatureConfig]:
    row = TuningRow.objects.select_related("base").filter(spec__tuning=name).first()
    if row is None:
        raise TuningGoneError("What was learned of the labels is gone: tune the dataset again.")
    return read(row), row.base.config


def read(row: TuningRow) -> Tuning:
    """Return what a row holds."""
    return Tuning(_floats(row.centre), _floats(row.weights).reshape(-1, len(row.categories)), row.usual)


def _floats(content: bytes | memoryview[int]) -> NDArray[np.float32]:
    return np.frombuffer(bytes(content), dtype="<f4").astype(np.float32)


def tuning_of(config: FeatureConfig) -> Tuning | None:
    """Return what tunes vectors of a configuration, None where they are plain. Raises: TuningGoneError."""
    return _known(config.tuning)[0] if config.tuning else None


def plain(config: FeatureConfig) -> FeatureConfig:
    """Return the configuration of the vectors that are tuned, or itself. Raises: TuningGoneError."""
    return _known(config.tuning)[1] if config.tuning else config


def plain_spec(spec: FeatureSpec) -> FeatureSpec:
    """Return the spec of the vectors that are tuned, or itself. Raises: TuningGoneError."""
    return FeatureSpec.objects.for_config(plain(spec.config)) if spec.tuning else spec


def plain_index(index: SearchIndex) -> SearchIndex:
    """Return the index of the vectors that are tuned, or itself: where a network puts what it makes.

    Raises: TuningGoneError.
    """
    return feature_specs.index_of(index.dataset, plain_spec(index.spec)) if index.spec.tuning else index


def indexes_over(index: SearchIndex) -> list[SearchIndex]:
    """Return the indexes whose vectors are made of those of an index."""
    rows = SearchIndex.objects.filter(dataset=index.dataset_id, spec__tuning_row__base=index.spec_id)
    return list(rows.select_related("spec").order_by("pk"))
