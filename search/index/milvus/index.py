"""The door to Milvus: one collection of unit vectors, searched approximately and re-ranked exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.index.base import (
    NO_ID,
    NO_SCORE,
    IndexInputError,
    IndexStats,
    SearchResult,
    StoredVectors,
    ascending,
    best,
    brute_force,
    checked_ids,
    checked_rows,
    contained,
    normalise,
    nothing_found,
)
from search.index.faiss.index import EXACT_UP_TO, SearchEffort, lists_for
from search.index.milvus.connection import MilvusServer, client, speaking
from search.types import Ids, Vectors

ID_FIELD, VECTOR_FIELD = "id", "vector"
# Milvus answers no search with more hits (quotaAndLimits.limits.topK).
MOST_HITS = 16_384
# Bounds an answer: 200,000 hits are a few megabytes.
MOST_ANSWERS = 200_000
WRITTEN_BYTES = 8 * 2**20  # of vectors in one request; Milvus refuses 64 MB
LOOKED_UP_IDS = 4_096
# A filter that allows no more is read from the database and scored: measured beside `id in […]`, which takes
# Milvus 2.8 s for 100,000 ids.
SCAN_UP_TO = 4_096
SCANNED_ROWS = 8_192
# Milvus 2.3 seals a segment at half a gigabyte of vectors, and each segment has lists of its own.
SEGMENT_BYTES = 512 * 2**20
HNSW_LINKS = 32
EVERY_LIST = 65_536

# Searches read what was written five seconds ago or earlier and wait for nothing; a build or a look at what
# is there waits until all that was written can be seen.
SEARCH_CONSISTENCY = "Bounded"
CHECK_CONSISTENCY = "Strong"


@dataclass(frozen=True)
class IndexKind:
    """A type of index that Milvus builds: its parameters, those of a search, and the bytes of a vector.

    `build` takes the number of vectors and their dimensions, `search` the effort and the number of hits.
    """

    name: str
    build: Callable[[int, int], dict[str, int]]
    search: Callable[[SearchEffort, int], dict[str, int]]
    vector_bytes: Callable[[int], float]

    @property
    def exact(self) -> bool:
        """Whether its own scores are exact."""
        return self.name == "FLAT"


def _nlist(count: int, dims: int) -> dict[str, int]:
    segment = max(1, min(count, SEGMENT_BYTES // (4 * dims)))
    return {"nlist": min(EVERY_LIST, max(1, lists_for(segment)))}


def _nprobe(effort: SearchEffort, hits: int) -> dict[str, int]:
    return {"nprobe": effort.lists}


KINDS = {
    kind.name: kind
    for kind in (
        IndexKind("FLAT", lambda count, dims: {}, lambda effort, hits: {}, lambda dims: 4 * dims),
        IndexKind("IVF_SQ8", _nlist, _nprobe, lambda dims: dims),
        # from Milvus 2.6 on
        IndexKind("IVF_RABITQ", _nlist, _nprobe, lambda dims: dims / 8 + 8),
        IndexKind(
            "HNSW",
            lambda count, dims: {"M": HNSW_LINKS, "efConstruction": 200},
            lambda effort, hits: {"ef": max(hits, effort.candidates)},
            lambda dims: 4 * dims + 8 * HNSW_LINKS,
        ),
        # graph and vectors on the query nodes' disks; a quarter of a byte a dimension stays in memory
        IndexKind(
            "DISKANN",
            lambda count, dims: {},
            lambda effort, hits: {"search_list": max(hits, effort.candidates)},
            lambda dims: dims / 4,
        ),
    )
}


def kind_for(count: int, wanted: str = "auto") -> IndexKind:
    """Return the wanted kind of index, or with "auto" the one that suits `count` vectors.

    Raises: IndexInputError for a name that is none.
    """
    name = ("FLAT" if count <= EXACT_UP_TO else "IVF_SQ8") if wanted == "auto" else wanted
    if name not in KINDS:
        raise IndexInputError(
            f"There is no index {name!r} for Milvus: use auto or one of {', '.join(KINDS)}."
        )
    return KINDS[name]


@dataclass(frozen=True)
class Collection:
    """A collection and what its index is."""

    server: MilvusServer
    name: str
    dims: int
    kind: IndexKind


class MilvusIndex:
    """A VectorIndex that is one collection of Milvus, by inner product; any number of threads may use it.

    `exact` are the vectors as they are stored, not centred, and `centre` (d,) what is subtracted from them:
    candidates of a compressed index are re-ranked with these, and small filters are scanned. `count` is the
    number of vectors as last seen; Milvus counts exactly only at a price.
    """

    def __init__(
        self,
        collection: Collection,
        exact: StoredVectors,
        centre: NDArray[np.float32],
        *,
        count: int = 0,
        effort: SearchEffort | None = None,
    ) -> None:
        self.collection, self.count, self.effort = collection, count, effort or SearchEffort()
        self._exact, self._centre = exact, centre

    @property
    def dims(self) -> int:
        """Dimensions of a vector."""
        return self.collection.dims

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Add unit vectors (n, d) under their ids (n,); what an id had before is replaced.

        Raises: IndexInputError for wrong shapes, IndexUnreachableError.
        """
        rows = checked_rows(vectors, self.dims)
        keys = checked_ids(ids, len(rows))
        step = max(1, WRITTEN_BYTES // (4 * self.dims))
        for start in range(0, len(keys), step):
            block = slice(start, start + step)
            self._call(
                "upsert",
                data=[
                    {ID_FIELD: key, VECTOR_FIELD: row}
                    for key, row in zip(keys[block].tolist(), rows[block], strict=True)
                ],
            )

    def remove(self, ids: Ids) -> int:
        """Remove ids and return how many were there; Raises: IndexUnreachableError."""
        keys = ascending(ids)
        present = keys[self.known(keys, consistency=CHECK_CONSISTENCY)]
        for start in range(0, len(present), LOOKED_UP_IDS):
            self._call("delete", ids=present[start : start + LOOKED_UP_IDS].tolist())
        return len(present)

    def known(self, ids: Ids, *, consistency: str = SEARCH_CONSISTENCY) -> NDArray[np.bool_]:
        """Return (n,) bool: which ids are here; meant for thousands, not millions."""
        keys = checked_ids(ids)
        wanted = ascending(keys)
        found = [np.empty(0, dtype=np.int64)]
        for start in range(0, len(wanted), LOOKED_UP_IDS):
            block = wanted[start : start + LOOKED_UP_IDS]
            rows = self._call(
                "query",
                filter=_expression(block),
                output_fields=[ID_FIELD],
                consistency_level=consistency,
            )
            found.append(np.array([row[ID_FIELD] for row in rows], dtype=np.int64))
        return np.isin(keys, np.concatenate(found))

    def counted(self) -> int:
        """Return the exact number of vectors, once all that was written can be seen."""
        rows = self._call("query", filter="", output_fields=["count(*)"], consistency_level=CHECK_CONSISTENCY)
        return int(rows[0]["count(*)"])

    def search(
        self, vectors: Vectors, k: int, allowed_ids: Ids | None = None, *, effort: SearchEffort | None = None
    ) -> SearchResult:
        """Return the k nearest of each unit query (m, d), only from `allowed_ids` (n,) when given.

        Raises: IndexInputError for more hits than Milvus gives; IndexUnreachableError.
        """
        queries = checked_rows(vectors, self.dims)
        allowed = None if allowed_ids is None else ascending(allowed_ids)
        if not len(queries) or k < 1 or (allowed is not None and not len(allowed)):
            return nothing_found(len(queries), max(k, 0))
        effort = effort or self.effort
        if allowed is not None:
            return self._filtered(queries, k, allowed, effort)
        if k > MOST_HITS:
            raise IndexInputError(f"Milvus answers with at most {MOST_HITS} hits, not {k}: ask for fewer.")
        hits = k if self.collection.kind.exact else min(MOST_HITS, max(effort.candidates, 5 * k))
        ids, scores = self._propose(queries, hits, effort)
        return best(ids, self._rescored(queries, ids, scores), k)

    def _filtered(self, queries: Vectors, k: int, allowed: Ids, effort: SearchEffort) -> SearchResult:
        """Ask for so many that enough are allowed; score all the allowed where that is beyond Milvus."""
        wanted = min(len(allowed), k if self.collection.kind.exact else max(effort.candidates, 5 * k))
        thinned = max(self.count, len(allowed)) / len(allowed)
        hits = int(2 * wanted * thinned)
        # what is allowed lies thinner in every list, too
        wider = SearchEffort(min(EVERY_LIST, int(effort.lists * thinned)), effort.candidates)
        while len(allowed) > SCAN_UP_TO and hits <= MOST_HITS:
            ids, scores = self._propose(queries, hits, wider)
            ids = np.where(contained(ids, allowed), ids, NO_ID)
            if ((ids != NO_ID).sum(axis=1) >= wanted).all():
                return best(ids, self._rescored(queries, ids, scores), k)
            hits *= 4
        return self._scanned(queries, k, allowed)

    def _scanned(self, queries: Vectors, k: int, allowed: Ids) -> SearchResult:
        found = nothing_found(len(queries), k)
        for start in range(0, len(allowed), SCANNED_ROWS):
            ids, units = self._units(allowed[start : start + SCANNED_ROWS])
            more = brute_force(queries, ids, units, k)
            found = best(np.hstack((found.ids, more.ids)), np.hstack((found.scores, more.scores)), k)
        return found

    def _propose(
        self, queries: Vectors, hits: int, effort: SearchEffort
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return what Milvus finds: ids (m, hits) padded with -1 and its own scores."""
        found = nothing_found(len(queries), hits)
        step = max(1, MOST_ANSWERS // hits)
        for start in range(0, len(queries), step):
            answers = self._call(
                "search",
                data=list(queries[start : start + step]),
                anns_field=VECTOR_FIELD,
                limit=hits,
                search_params={"metric_type": "IP", "params": self.collection.kind.search(effort, hits)},
                consistency_level=SEARCH_CONSISTENCY,
            )
            for row, answer in enumerate(answers, start):
                found.ids[row, : len(answer)] = [hit[ID_FIELD] for hit in answer]
                found.scores[row, : len(answer)] = [hit["distance"] for hit in answer]
        expected = min(hits, self.count)
        if "nprobe" in self.collection.kind.search(effort, hits) and effort.lists < EVERY_LIST:
            short = (found.ids != NO_ID).sum(axis=1) < expected
            # the lists visited held too few
            if short.any():
                wider = SearchEffort(min(EVERY_LIST, effort.lists * 16), effort.candidates)
                found.ids[short], found.scores[short] = self._propose(queries[short], hits, wider)
        return found.ids, found.scores

    def _rescored(
        self, queries: Vectors, ids: NDArray[np.int64], scores: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the exact inner products (m, c) of each query with its own candidates."""
        if self.collection.kind.exact:
            return scores
        known, units = self._units(np.unique(ids[ids != NO_ID]))
        exact = np.full(ids.shape, NO_SCORE, dtype=np.float32)
        if not len(known):
            return exact
        places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
        stored = known[places] == ids  # an embedding may have been deleted meanwhile
        for row, query in enumerate(queries):
            exact[row, stored[row]] = units[places[row, stored[row]]] @ query
        return exact

    def _units(self, ids: Ids) -> tuple[Ids, Vectors]:
        """Return those of ids (n,) that are stored, ascending, with their centred unit vectors."""
        found, rows = self._exact.read(ids)
        if not len(found):
            return found, np.empty((0, self.dims), dtype=np.float32)
        return found, normalise(rows.astype(np.float32) - self._centre)

    def stats(self) -> IndexStats:
        """Return size and kind; bytes are those of vectors and graph on the query nodes, by their formula."""
        kind = self.collection.kind
        per_vector = kind.vector_bytes(self.dims) + 8
        return IndexStats(self.count, self.dims, f"Milvus {kind.name}", "inner_product", per_vector)

    def _call(self, name: str, **arguments: Any) -> Any:
        server = self.collection.server
        call = getattr(client(server), name)
        with speaking(server):
            return call(self.collection.name, timeout=server.timeout_s, **arguments)


def _expression(ids: Ids) -> str:
    """Return Milvus' filter for ascending ids; a range is answered much faster than a list."""
    if int(ids[-1]) - int(ids[0]) < MOST_HITS:
        return f"{ID_FIELD} >= {ids[0]} and {ID_FIELD} <= {ids[-1]}"
    return f"{ID_FIELD} in {ids.tolist()}"
