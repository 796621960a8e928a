"""Shipped PCAs that shorten feature vectors: directions learned once, not whitened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError, WeightsError
from search.damage import DAMAGE
from search.types import Vectors

COMPONENTS_DIR = Path(__file__).parent


@dataclass(frozen=True)
class PCA:
    """The principal components for the vectors of one network, layer and pooling.

    `components` (d_in, d_out) float32 has orthonormal columns up to the float16 they are stored in; `digest`
    is the SHA-256 of the stored float16 components. Nothing is centred: a dataset's index
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
        """Say whether it was learned for vectors of this kind."""
        return (self.model, self.layer, self.pooling) == (model, layer, pooling)

    def apply(self, vectors: Vectors, product: Callable[[Vectors], Vectors] | None = None) -> Vectors:
        """Return the vectors projected, (n, d_in) float32 -> (n, d_out) float32.

        `product` multiplies by the components where NumPy is not to do it.

        Raises:
            WeightsError: the vectors have another length than the PCA was learned for.
        """
        if vectors.shape[1] != self.components.shape[0]:
            raise WeightsError(
                f"The PCA {self.name} takes vectors of {self.components.shape[0]} values, "
                f"not {vectors.shape[1]}."
            )
        return product(vectors) if product else np.ascontiguousarray(vectors @ self.components)


def components_digest(components: NDArray[np.float16]) -> str:
    """Return the SHA-256 of float16 components in little-endian row order."""
    return hashlib.sha256(np.ascontiguousarray(components, dtype="<f2").tobytes()).hexdigest()


@cache
def load_pca(name: str) -> PCA:
    """Return the shipped PCA of that name; read once a process.

    Raises:
        NotFoundError: none is shipped under that name.
        WeightsError: its file is damaged.
    """
    path = COMPONENTS_DIR / f"{name}.npz"
    if name not in shipped():
        raise NotFoundError(f"There is no PCA {name!r}; shipped are {', '.join(shipped()) or 'none'}.")
    try:
        with np.load(path, allow_pickle=False) as stored:
            components = stored["components"]
            model, layer, pooling = (str(stored[key]) for key in ("model", "layer", "pooling"))
        if components.ndim != 2 or not np.isfinite(components).all():
            raise ValueError("its components are no finite matrix")
    except DAMAGE as error:
        raise WeightsError(f"The PCA file {path.name} is damaged: {error}.") from error
    digest = components_digest(components)
    return PCA(name, model, layer, pooling, digest, np.ascontiguousarray(components, dtype=np.float32))


def shipped() -> tuple[str, ...]:
    """Return the names of the PCAs that ship with the program, in order."""
    return tuple(sorted(path.stem for path in COMPONENTS_DIR.glob("*.npz")))
