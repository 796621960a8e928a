"""Plain values that travel between the doors and the services; no ORM, no settings, no heavy library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gallery.types import RGB

__all__ = ["RGB", "FeatureConfig", "Ids", "Vectors"]

Vectors: TypeAlias = NDArray[np.float32]  # (n, d), contiguous
Ids: TypeAlias = NDArray[np.int64]  # (n,)


@dataclass(frozen=True)
class FeatureConfig:
    """Everything that decides the value of a feature vector.

    `layer` is a tap name of the network ("top" is the last activation before the classifier),
    `pooling` one of average, max, gem, pyramid, flatten; `reduction` the name of a shipped
    projection or "" for none; `input_size` the side in pixels of the square network input;
    `resize` one of squash, crop, pad, ease; `weights_digest` the SHA-256 of the weights file.
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
