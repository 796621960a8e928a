"""The stored vectors of a dataset as files of NumPy, made while they are sent."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from numpy.lib import format as npy

from search.indexing import database_vectors
from search.indexing.database_vectors import READ_ROWS, DatabaseVectors, embeddings
from search.models import SearchIndex
from search.types import Ids


def version(index: SearchIndex) -> str:
    """Return what changes whenever the files of an index do."""
    return f"{index.pk}-{index.revision}"


def vectors(index: SearchIndex) -> Iterator[bytes]:
    """Yield the file of the vectors (n, d) float16, as they are stored, in bounded memory.

    A row whose image is deleted meanwhile is sent as zeros: how many there are was said at the beginning.
    """
    ids = database_vectors.ids_after(index, 0)
    yield _header("<f2", (len(ids), index.spec.dims))
    for start in range(0, len(ids), READ_ROWS):
        yield _rows(ids[start : start + READ_ROWS], index.spec.dims)


def image_ids(index: SearchIndex) -> Iterator[bytes]:
    """Yield the file of the images (n,) int64 that the rows of `vectors` are of, in the same order."""
    rows = embeddings(index).order_by("pk").values_list("image_id", flat=True)
    ids = np.fromiter(rows.iterator(READ_ROWS), dtype="<i8")
    yield _header("<i8", ids.shape)
    yield ids.tobytes()


def _rows(ids: Ids, dims: int) -> bytes:
    found, read = DatabaseVectors().read(ids)
    if len(found) == len(ids):
        return read.tobytes()
    rows = np.zeros((len(ids), dims), dtype="<f2")
    rows[np.searchsorted(ids, found)] = read
    return rows.tobytes()


def _header(kind: str, shape: tuple[int, ...]) -> bytes:
    out = io.BytesIO()
    npy.write_array_header_1_0(out, {"descr": kind, "fortran_order": False, "shape": shape})
    return out.getvalue()
