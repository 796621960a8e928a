"""Plain values that travel between the doors and the services; no ORM, no settings, no heavy library."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NotRequired, TypeAlias, TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from gallery.imaging.types import RGB

__all__ = ["RGB", "FeatureConfig", "FeatureConfigValues", "GenerationFacts", "Ids", "TrialFacts", "Vectors"]

Vectors: TypeAlias = NDArray[np.float32]  # (n, d), contiguous
Ids: TypeAlias = NDArray[np.int64]  # (n,)


class FeatureConfigValues(TypedDict):
    """A `FeatureConfig` as plain values, in manifests and answers."""

    model: str
    layer: str
    pooling: str
    reduction: str
    reduction_digest: str
    input_size: int
    resize: str
    weights_digest: str
    dims: int
    tuning: NotRequired[str]


@dataclass(frozen=True)
class FeatureConfig:
    """Everything that decides the value of a feature vector.

    `layer` is a layer name of the network ("top" is the last activation before the classifier),
    `pooling` one of average, max, gem, pyramid, flatten, or that of a part of the map, as pyramid@left;
    `reduction` the name of a shipped
    projection or "" for none; `input_size` the side in pixels of the square network input;
    `resize` one of squash, crop, pad, ease; `weights_digest` the SHA-256 of the weights file; `tuning` names
    what was learned of the labels of a dataset, and is "" for features that depend on the image alone.
    """

    model: str
    layer: str
    pooling: str
    reduction: str
    reduction_digest: str
    input_size: int
    resize: str
    weights_digest: str
    dims: int
    tuning: str = ""

    def as_values(self) -> FeatureConfigValues:
        """Return it as plain values; those that are not tuned are as they were before there were others."""
        values = asdict(self)
        if not self.tuning:
            del values["tuning"]
        return cast(FeatureConfigValues, values)


class TrialFacts(TypedDict):
    """What one kind of index was measured to do when a generation was built."""

    factory: str
    count: int
    bytes_per_vector: float
    recall_at_10: float
    effort_lists: int
    effort_candidates: int
    effort_margin: float
    query_ms: float


class GenerationFacts(TypedDict):
    """What an index generation is and what was measured before it was published, whichever engine holds it.

    Files: `checksums` (SHA-256 by name), `read_seconds`, `tried` (the kinds of index measured, the last in
    full) and `effort_margin`. Milvus: `kind`, `built_count`, `last_id`, `version` and `changing`.
    """

    spec: FeatureConfigValues
    metric: str
    factory: str
    kind: NotRequired[str]
    count: int
    built_count: NotRequired[int]
    last_id: NotRequired[int]
    dims: int
    checksums: NotRequired[dict[str, str]]
    versions: dict[str, str]
    recall_at_10: float
    bytes_per_vector: float
    latency_ms_p50: float
    effort_lists: int
    effort_candidates: int
    build_seconds: float
    read_seconds: NotRequired[float]
    tried: NotRequired[list[TrialFacts]]
    built_at: str
    version: NotRequired[int]
    changing: NotRequired[bool]
    format: int
    effort_margin: NotRequired[float]
