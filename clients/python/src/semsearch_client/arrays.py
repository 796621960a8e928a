"""Arrays out of answers: vectors and their ids, the points of a map, the hits of many searches."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from semsearch_client.errors import SemsearchError

NO_ID = -1
HEADER = struct.Struct("<4sIIIffff")
POINT_STEPS = 65_535


def read_vectors(ids: bytes, vectors: bytes, dtype: DTypeLike) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return ids (n,) and vectors (n, d) of two .npy files, without images deleted while they were sent."""
    numbers = np.load(io.BytesIO(ids), allow_pickle=False)
    rows = np.load(io.BytesIO(vectors), allow_pickle=False)
    there = rows.any(axis=1)
    return numbers[there].astype(np.int64), rows[there].astype(dtype)


def as_npy(values: NDArray[Any]) -> bytes:
    """Return an array as a .npy file."""
    out = io.BytesIO()
    np.save(out, values, allow_pickle=False)
    return out.getvalue()


def read_points(content: bytes) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return image ids (n,) and points (n, 2) of a map as `/projections/ID/points/` packs it."""
    magic, version, count, _, left, bottom, right, top = HEADER.unpack_from(content)
    if magic != b"SSMP" or version != 1:
        raise SemsearchError("These points are of another version: bring client and server to one version.")
    x, y = np.frombuffer(content, "<u2", 2 * count, HEADER.size).reshape(2, count).astype(np.float32)
    ids = np.frombuffer(content, "<u4", count, HEADER.size + 4 * count).astype(np.int64)
    width, height = (right - left) / POINT_STEPS, (top - bottom) / POINT_STEPS
    return ids, np.stack([left + x * width, bottom + y * height], axis=1).astype(np.float32)


def padded(
    ids: Sequence[NDArray[np.int64]], scores: Sequence[NDArray[np.float32]], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return ids (q, k) padded with -1 and scores (q, k) padded with -inf."""
    all_ids = np.full((len(ids), k), NO_ID, dtype=np.int64)
    all_scores = np.full((len(ids), k), -np.inf, dtype=np.float32)
    for row, (some_ids, some_scores) in enumerate(zip(ids, scores, strict=True)):
        all_ids[row, : len(some_ids)] = some_ids
        all_scores[row, : len(some_scores)] = some_scores
    return all_ids, all_scores
