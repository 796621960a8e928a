"""The configuration that answers a search, as plain values."""

from __future__ import annotations

from typing import Literal, TypedDict

from search.models import FeatureSpec


class ConfigAnswer(TypedDict):
    """What decides the features that are compared, and how."""

    model: str
    layer: str
    pooling: str
    input_size: int
    dims: int
    metric: Literal["cosine"]


def config_answer(spec: FeatureSpec) -> ConfigAnswer:
    """Return what of a spec decides what is compared."""
    return {
        "model": spec.model,
        "layer": spec.layer,
        "pooling": spec.pooling,
        "input_size": spec.input_size,
        "dims": spec.dims,
        "metric": "cosine",
    }
