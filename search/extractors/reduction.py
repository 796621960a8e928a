"""Shipped projections that shorten feature vectors: plain PCA directions, learned once, not whitened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError, WeightsError
from search.types import Vectors

PROJECTIONS_DIR = Path(__file__).parent / "pca"


@dataclass(frozen=True)
class Reduction:
    """A projection for the vectors of one network, layer and pooling.

    `components` (d_in, d_out) float32 has orthonormal columns up to the float16 they are stored in; `digest`
    is the SHA-256 of the stored float16 components. The projection is not centred: a dataset's index
    subtracts that dataset's own mean, and as (v - m) @ C = v @ C - m @ C the order of the two is free.
    """

    name: str
    model: str
    layer: str
    pooling: str
    digest: str
    components: NDArray[np.float32] = field(repr=False, compare=False)

    @property
    def dims(self) -> int:
        """Return the length of a reduced vector."""
        return int(self.components.shape[1])

    def fits(self, model: str, layer: str, pooling: str) -> bool:
        """Say whether the projection was learned for vectors of this kind."""
        return (self.model, self.layer, self.pooling) == (model, layer, pooling)

    def apply(self, vectors: Vectors, product: Callable[[Vectors], Vectors] | None = None) -> Vectors:
        """Return the vectors projected, (n, d_in) float32 -> (n, d_out) float32.

        `product` multiplies by the components where NumPy is not to do it.

        Raises:
            WeightsError: the vectors have another length than the projection was learned for.
        """
        if vectors.shape[1] != self.components.shape[0]:
            raise WeightsError(
                f"The projection {self.name} takes vectors of {self.components.shape[0]} values, "
                f"not {vectors.shape[1]}."
            )
        return product(vectors) if product else np.ascontiguousarray(vectors @ self.components)


def components_digest(components: NDArray[np.float16]) -> str:
    """Return the SHA-256 of float16 components in little-endian row order."""
    return hashlib.sha256(np.ascontiguousarray(components, dtype="<f2").tobytes()).hexdigest()


@cache
def reduction(name: str) -> Reduction:
    """Return the shipped projection of that name; read once a process.

    Raises:
        NotFoundError: none is shipped under that name.
        WeightsError: its file is damaged.
    """
    path = PROJECTIONS_DIR / f"{name}.npz"
    if name not in shipped():
        raise NotFoundError(f"There is no projection {name!r}; shipped are {', '.join(shipped()) or 'none'}.")
    try:
        with np.load(path, allow_pickle=False) as stored:
            components = stored["components"]
            model, layer, pooling = (str(stored[key]) for key in ("model", "layer", "pooling"))
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(f"The projection file {path.name} is damaged: {error}.") from error
    digest = components_digest(components)
    return Reduction(name, model, layer, pooling, digest, np.ascontiguousarray(components, dtype=np.float32))


def shipped() -> tuple[str, ...]:
    """Return the names of the projections that ship with the program, in order."""
    return tuple(sorted(path.stem for path in PROJECTIONS_DIR.glob("*.npz")))
