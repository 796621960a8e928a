"""Reads the embeddings of an index from the database: the truth that every index is built from."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from search.models import Embedding, SearchIndex
from search.types import Ids

READ_ROWS = 1024
NAMED_IDS = 1000  # in one query: databases limit the parameters of a statement


def embeddings(index: SearchIndex) -> QuerySet[Embedding]:
    """Return the embeddings that belong to an index."""
    return Embedding.objects.filter(dataset_id=index.dataset_id, spec_id=index.spec_id)


def ids_after(index: SearchIndex, last: int) -> Ids:
    """Return the ids (n,) above one, ascending."""
    ids = embeddings(index).filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)
    return np.fromiter(ids.iterator(READ_ROWS), dtype=np.int64)


def batches(
    index: SearchIndex, after: int = 0, up_to: int | None = None
) -> Iterator[tuple[Ids, NDArray[np.float16]]]:
    """Yield ids (n,) ascending and their float16 vectors (n, d), in bounded memory.

    Those above `after` and not above `up_to`: several ranges together are the whole.
    """
    found = embeddings(index) if up_to is None else embeddings(index).filter(pk__lte=up_to)
    ordered = found.order_by("pk").values_list("pk", "vector")
    while rows := list(ordered.filter(pk__gt=after)[:READ_ROWS]):
        ids = np.array([pk for pk, _ in rows], dtype=np.int64)
        vectors = np.frombuffer(b"".join(bytes(vector) for _, vector in rows), dtype="<f2")
        yield ids, vectors.reshape(len(rows), index.spec.dims)
        after = int(ids[-1])


class DatabaseVectors:
    """Every vector of every index, read from the database by its id."""

    def read(self, ids: Ids) -> tuple[Ids, NDArray[np.float16]]:
        """Return those of ids (n,) that are stored, ascending, and their vectors (m, d) in that order."""
        rows: list[tuple[int, bytes | memoryview]] = []
        for start in range(0, len(ids), NAMED_IDS):
            named = ids[start : start + NAMED_IDS].tolist()
            rows += Embedding.objects.filter(pk__in=named).values_list("pk", "vector")
        rows.sort(key=itemgetter(0))
        found = np.array([pk for pk, _ in rows], dtype=np.int64)
        vectors = np.frombuffer(b"".join(bytes(vector) for _, vector in rows), dtype="<f2")
        return found, vectors.reshape(len(rows), len(vectors) // max(1, len(rows)))


def read_range(
    index: SearchIndex, after: int = 0, up_to: int | None = None
) -> tuple[Ids, NDArray[np.float16]]:
    """Return the ids (n,) of a range and their vectors (n, d): for few of them."""
    read = list(batches(index, after, up_to))
    if not read:
        return np.empty(0, dtype=np.int64), np.empty((0, index.spec.dims), dtype=np.float16)
    return np.concatenate([ids for ids, _ in read]), np.concatenate([vectors for _, vectors in read])
