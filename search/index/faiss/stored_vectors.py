"""The float16 vectors of a generation on disk: found by id, scored exactly, read only as far as needed."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError
from search.index.base import SearchResult, best, normalise, nothing_found
from search.types import Ids, Vectors

VECTORS_FILE = "vectors.f16"
IDS_FILE = "ids.i64"
LENGTHS_FILE = "lengths.f32"
CENTRE_FILE = "centre.npy"

# Ids are kept as runs without a gap, unless there are so many that the ids themselves are as good.
RUNS_AT_MOST = 1 / 8
SCANNED_ROWS = 4_096  # at a time: 8 MB of 512 dimensions
READ_ROWS = 1_024  # in a block while an index is built
# The bits of a float16, moved to their places in a float32, are the number divided by this.
HALF_SCALE = np.float32(2.0**112)
_KEEP_SIGN = np.int32(-0x70000001)  # 0x8fffffff: all but the copies of the sign


def scaled_floats(halves: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return finite float16 numbers as float32, divided by 2**112: three times as fast as NumPy's own way.

    A float16 has five bits of exponent, biased by 15, and ten of mantissa; a float32 eight, biased by 127,
    and 23 (IEEE 754). Shifted by 13 the parts meet, and the biases differ by 112.
    """
    bits = halves.view(np.int16).astype(np.int32)
    np.left_shift(bits, 13, out=bits)
    np.bitwise_and(bits, _KEEP_SIGN, out=bits)
    return bits.view(np.float32)


class RowsOfIds:
    """Finds the row of an id among ascending ids, kept as runs of ids without a gap.

    The ids 10 to 29 and 40 to 59 are two runs, which begin with the ids 10 and 40 in the rows 0 and 20. Id 42
    belongs to the run that begins last before it: row 20 + 42 - 40 = 22. Id 30 would be row 0 + 30 - 10 = 20,
    behind the last row of its run, 19: it is not there.
    """

    def __init__(self, ids: Ids) -> None:
        self.ids = ids
        begins = np.flatnonzero(np.diff(ids, prepend=np.int64(-2)) != 1)
        if len(begins) > len(ids) * RUNS_AT_MOST:
            begins = np.empty(0, dtype=np.intp)
        self._first_rows = begins.astype(np.int64)
        self._first_ids = np.array(ids[begins], dtype=np.int64)
        self._last_rows = np.append(self._first_rows[1:], len(ids)) - 1 if len(begins) else self._first_rows

    def find(self, ids: Ids) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return rows (n,) and whether each id is there; the row of one that is not means nothing."""
        if not len(self.ids):
            return np.zeros(len(ids), dtype=np.int64), np.zeros(len(ids), dtype=np.bool_)
        if not len(self._first_ids):
            rows = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
            return rows.astype(np.int64), np.asarray(self.ids[rows] == ids)
        if len(self._first_ids) == 1:
            rows = ids - self._first_ids[0]
            return np.clip(rows, 0, len(self.ids) - 1), (rows >= 0) & (rows < len(self.ids))
        runs = np.maximum(np.searchsorted(self._first_ids, ids, side="right") - 1, 0)
        rows = ids - self._first_ids[runs] + self._first_rows[runs]
        there = (rows <= self._last_rows[runs]) & (rows >= self._first_rows[runs])
        return np.clip(rows, 0, len(self.ids) - 1), there


class MappedVectors:
    """The uncentred float16 vectors of a generation, read from disk as needed; ids ascend strictly.

    `lengths` (n,) float32 are those of the centred vectors; without them they are computed.
    """

    def __init__(
        self,
        ids: Ids,
        matrix: NDArray[np.float16],
        centre: NDArray[np.float32],
        lengths: NDArray[np.float32] | None = None,
    ) -> None:
        self.ids, self.centre = ids, centre
        self.matrix = matrix.view(np.ndarray)  # a memmap costs more at every access
        self._rows = RowsOfIds(ids)
        self.lengths = self._computed_lengths() if lengths is None else lengths.view(np.ndarray)

    @classmethod
    def open(cls, folder: Path, count: int, dims: int) -> MappedVectors:
        """Map the files of a generation whose sizes were checked.

        Raises: one of `search.damage.DAMAGE` when they are no such files.
        """
        centre = np.load(folder / CENTRE_FILE, allow_pickle=False)
        if centre.shape != (dims,) or centre.dtype != np.float32:
            raise ValueError(f"The centre has the shape {centre.shape} instead of {(dims,)}.")
        if not count:  # an empty file cannot be mapped
            return cls(np.empty(0, dtype=np.int64), np.empty((0, dims), dtype=np.float16), centre)
        with (folder / IDS_FILE).open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        ids = np.frombuffer(mapped, dtype="<i8")
        matrix = np.memmap(folder / VECTORS_FILE, dtype="<f2", mode="r", shape=(count, dims))
        lengths = np.memmap(folder / LENGTHS_FILE, dtype="<f4", mode="r", shape=(count,))
        opened = cls(ids, matrix, centre, lengths)
        # Their runs are known now: eight bytes a vector need not stay in memory.
        mapped.madvise(mmap.MADV_DONTNEED)
        return opened

    def _computed_lengths(self) -> NDArray[np.float32]:
        lengths = np.empty(len(self.ids), dtype=np.float32)
        for start in range(0, len(self.ids), SCANNED_ROWS):
            lengths[start : start + SCANNED_ROWS] = centred_lengths(
                self.matrix[start : start + SCANNED_ROWS], self.centre
            )
        return lengths

    def known(self, ids: Ids) -> NDArray[np.bool_]:
        """Return (n,) bool: which ids have a vector."""
        return self._rows.find(ids)[1]

    def raw(self, ids: Ids) -> NDArray[np.float16]:
        """Return the uncentred vectors (n, d) of ids.

        Raises: NotFoundError for an id without a vector.
        """
        rows, known = self._rows.find(ids)
        if not known.all():
            raise NotFoundError(f"There is no vector with the id {ids[~known][0]} in this index.")
        return np.asarray(self.matrix[rows])

    def units(self, ids: Ids) -> Vectors:
        """Return the centred unit vectors (n, d) of ids."""
        return normalise(self.raw(ids).astype(np.float32) - self.centre)

    def units_between(self, start: int, stop: int) -> Vectors:
        """Return the centred unit vectors of rows start..stop."""
        return normalise(self.matrix[start:stop].astype(np.float32) - self.centre)

    def scores(self, queries: Vectors, ids: Ids) -> NDArray[np.float32]:
        """Return the inner products (m, n) of unit queries (m, d) with the unit vectors of known ids (n,).

        That of a query q and the unit vector of v is (q.v - q.c) / |v - c|: nothing but q.v is computed for
        every vector.
        """
        rows = self._rows.find(ids)[0]
        scaled = queries * HALF_SCALE
        found = np.empty((len(queries), len(rows)), dtype=np.float32)
        for start in range(0, len(rows), SCANNED_ROWS):
            some = rows[start : start + SCANNED_ROWS]
            floats = scaled_floats(self.matrix.take(some, axis=0))
            np.matmul(scaled, floats.T, out=found[:, start : start + len(some)])
        found -= (queries @ self.centre)[:, None]
        lengths = self.lengths[rows]
        found /= np.where(lengths > 0, lengths, 1)
        found[:, lengths == 0] = 0
        return found

    def nearest(self, queries: Vectors, ids: Ids, k: int) -> SearchResult:
        """Return the exact k nearest of unit queries (m, d) among known ids (n,)."""
        if not len(ids) or not len(queries) or not k:
            return nothing_found(len(queries), k)
        parts = []
        step = max(1, 4_000_000 // len(ids))  # bounds the score table to 16 MB
        for start in range(0, len(queries), step):
            scores = self.scores(queries[start : start + step], ids)
            parts.append(best(np.broadcast_to(ids, scores.shape), scores, k))
        return SearchResult(np.concatenate([p.ids for p in parts]), np.concatenate([p.scores for p in parts]))


def stored_blocks(folder: Path, count: int, dims: int) -> Iterator[NDArray[np.float16]]:
    """Yield the uncentred vectors (n, d) of a folder in their order, read and not mapped."""
    with (folder / VECTORS_FILE).open("rb") as file:
        for start in range(0, count, READ_ROWS):
            rows = np.fromfile(file, dtype="<f2", count=min(READ_ROWS, count - start) * dims)
            yield rows.reshape(-1, dims)


def centred_lengths(vectors: NDArray[np.float16], centre: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the lengths (n,) of uncentred vectors (n, d) once they are centred."""
    rows = vectors.astype(np.float32) - centre
    return np.asarray(np.sqrt(np.einsum("nd,nd->n", rows, rows)), dtype=np.float32)
