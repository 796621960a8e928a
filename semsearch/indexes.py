"""An index of vectors in memory, and in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError
from search.index import base
from search.index.base import IndexInputError
from search.index.faiss.index import EXACT, FaissIndex
from search.types import Ids, Vectors


class Index:
    """The vectors (n, d) of images, which finds the nearest by cosine, exactly.

    With `centre` their mean is taken from them and from every query first, as a site does: what all images
    have in common tells none from another.
    """

    def __init__(
        self, vectors: NDArray[Any], ids: NDArray[Any] | list[int] | None = None, *, centre: bool = True
    ) -> None:
        """Build it; `ids` (n,) are whole numbers, the places 0 to n - 1 without.

        Raises: IndexInputError for vectors or ids that cannot be used, ids given twice among them.
        """
        rows = np.asarray(vectors, dtype=np.float32)
        if rows.ndim != 2 or not rows.size:
            raise IndexInputError(f"An index needs vectors (n, d), not {rows.shape}.")
        self.ids: Ids = base.checked_ids(np.arange(len(rows)) if ids is None else ids, len(rows))
        if len(np.unique(self.ids)) < len(self.ids):
            raise IndexInputError("An id is given twice: each vector needs its own.")
        self._centre = rows.mean(axis=0) if centre else np.zeros(rows.shape[1], np.float32)
        self._vectors: Vectors = rows
        self._index = FaissIndex(rows.shape[1], EXACT)
        order = np.argsort(self.ids)
        self._index.add(self.ids[order], base.normalise(rows[order] - self._centre))

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"<index of {len(self):,} vectors of {self._vectors.shape[1]} dimensions>"

    def search(self, queries: NDArray[Any], k: int = 10) -> tuple[Ids, NDArray[np.float32]]:
        """Return ids (m, k) and cosines (m, k) of the nearest of each query (m, d) or (d,), nearest first.

        Where there are fewer than k, ids are -1 and cosines -inf. A query that is in the index finds itself.
        Raises: IndexInputError for another number of dimensions.
        """
        rows = base.checked_rows(np.atleast_2d(np.asarray(queries)), self._vectors.shape[1])
        found = self._index.search(base.normalise(rows - self._centre), k)
        return found.ids, found.scores

    def save(self, path: Path | str) -> None:
        """Write it to a file that `load` reads, an .npz of NumPy."""
        with Path(path).open("wb") as out:
            np.savez(out, vectors=self._vectors, ids=self.ids, centred=self._centre.any())

    @classmethod
    def load(cls, path: Path | str) -> Index:
        """Return the index of a file. Raises: NotFoundError where there is none."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                return cls(stored["vectors"], stored["ids"], centre=bool(stored["centred"]))
        except (OSError, KeyError, ValueError) as error:
            raise NotFoundError(f"{path} is no index that was saved here.") from error
