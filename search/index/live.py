"""What is searched: one generation, what came after it (exactly), without what was removed since."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError
from search.index.base import (
    NO_ID,
    IndexInputError,
    PublishedGeneration,
    SearchResult,
    ascending,
    best,
    brute_force,
    checked_ids,
    half_precision,
    normalise,
    nothing_found,
)
from search.index.generation import centre_of
from search.types import Ids, Vectors

# Masked rows are over-fetched at most so far at first; the loop fetches more when that was too few.
FIRST_OVERFETCH = 16
SAMPLE = 512  # vectors whose scores say what is usual in an index


@dataclass(frozen=True)
class Expansion:
    """Alpha query expansion: average the query with its first `neighbours`, weighted by score ** alpha.

    Source: Radenović, Tolias and Chum, "Fine-tuning CNN image retrieval with no human annotation", 2018
    (arXiv:1711.02512), section 3.3.
    """

    neighbours: int = 5
    alpha: float = 3.0


class LiveIndex:
    """An immutable snapshot of everything searchable; a change makes a new one, so searches never wait.

    `delta_ids` (n,) and `delta_vectors` (n, d), uncentred, are embeddings newer than the generation, in any
    order; where an id is in both, the delta's vector counts. `removed_ids` are in neither any more. Without a
    generation everything is delta, and the centre is the delta's own by the rule of a build.
    """

    def __init__(
        self,
        generation: PublishedGeneration | None,
        delta_ids: Ids,
        delta_vectors: NDArray[Any],
        removed_ids: Collection[int] = frozenset(),
    ) -> None:
        self.generation = generation
        self.removed_ids = frozenset(int(key) for key in removed_ids)
        self._removed = checked_ids(np.array(sorted(self.removed_ids), dtype=np.int64))
        keys = checked_ids(delta_ids)
        self.dims = generation.dims if generation is not None else int(np.shape(delta_vectors)[-1])
        rows = half_precision(delta_vectors, self.dims)
        if len(rows) != len(keys):
            raise IndexInputError(f"{len(keys)} ids came with {len(rows)} vectors.")
        order = np.argsort(keys, kind="stable")
        order = order[~np.isin(keys[order], self._removed)]
        self.delta_ids: Ids = keys[order]
        if (np.diff(self.delta_ids) == 0).any():
            raise IndexInputError("The same id came twice among the new vectors.")
        self.delta_vectors: NDArray[np.float16] = rows[order]
        self.centre = generation.centre if generation is not None else self._own_centre()
        self._delta_units = normalise(self.delta_vectors.astype(np.float32) - self.centre)
        self._masked = self._masked_ids()

    def _own_centre(self) -> NDArray[np.float32]:
        return centre_of(self.delta_vectors.sum(axis=0, dtype=np.float64), len(self.delta_ids))

    def _masked_ids(self) -> Ids:
        """Return the ids whose vectors in the generation no longer count, ascending."""
        gone = np.union1d(self._removed, self.delta_ids)
        return gone[self.generation.known(gone)] if self.generation is not None else gone[:0]

    @property
    def count(self) -> int:
        """Vectors that can be found."""
        kept = self.generation.count - len(self._masked) if self.generation is not None else 0
        return kept + len(self.delta_ids)

    def changed(
        self, added_ids: Ids, added_vectors: NDArray[Any], removed_ids: Collection[int] = frozenset()
    ) -> LiveIndex:
        """Return a new snapshot with vectors (n, d) added or replaced, then ids removed."""
        added = checked_ids(added_ids)
        kept = ~np.isin(self.delta_ids, added)
        rows = half_precision(added_vectors, self.dims)
        return LiveIndex(
            self.generation,
            np.concatenate((self.delta_ids[kept], added)),
            np.concatenate((self.delta_vectors[kept], rows)),
            (self.removed_ids - set(added.tolist())) | {int(key) for key in removed_ids},
        )

    def search(
        self,
        queries: NDArray[Any],
        k: int,
        allowed_ids: Ids | None = None,
        *,
        exclude_ids: Ids | None = None,
        expansion: Expansion | None = None,
    ) -> SearchResult:
        """Return the k nearest of each uncentred query (m, d) by the cosine of centred vectors.

        Only from `allowed_ids` (n,) when given. `exclude_ids`, (m,) or (m, e) padded with -1, are left out
        of the hits, and of the expansion, of their own query. For a page ask k = offset + limit.
        """
        if not self.count:
            return nothing_found(len(queries), max(k, 0))
        units = normalise(self._checked_queries(queries) - self.centre)
        allowed = None if allowed_ids is None else ascending(allowed_ids)
        excluded = _excluded(exclude_ids, len(units))
        if expansion is not None and expansion.neighbours > 0:
            near = self._search_units(units, expansion.neighbours, allowed, excluded)
            units = self._expanded(units, near, expansion.alpha)
        return self._search_units(units, k, allowed, excluded)

    def _checked_queries(self, queries: NDArray[Any]) -> Vectors:
        rows = np.asarray(queries, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.dims:
            raise IndexInputError(f"Queries must have the shape (m, {self.dims}), not {rows.shape}.")
        return rows

    def _expanded(self, units: Vectors, near: SearchResult, alpha: float) -> Vectors:
        """Return normalise(q + sum of max(s, 0) ** alpha * v over the neighbours) for each query."""
        sums = units.copy()
        for row, (ids, scores) in enumerate(zip(near.ids, near.scores, strict=True)):
            found = ids != NO_ID
            weights = np.maximum(scores[found], 0) ** np.float32(alpha)
            sums[row] += weights @ normalise(self.vectors(ids[found]).astype(np.float32) - self.centre)
        return normalise(sums)

    def _search_units(
        self, units: Vectors, k: int, allowed: Ids | None, excluded: NDArray[np.int64]
    ) -> SearchResult:
        if k < 1:
            return nothing_found(len(units), 0)
        old = self._search_generation(units, k, allowed, excluded)
        new = self._search_delta(units, k, allowed, excluded)
        return best(np.hstack((old.ids, new.ids)), np.hstack((old.scores, new.scores)), k)

    def _search_delta(
        self, units: Vectors, k: int, allowed: Ids | None, excluded: NDArray[np.int64]
    ) -> SearchResult:
        ids, rows = self.delta_ids, self._delta_units
        if allowed is not None:
            chosen = np.isin(ids, allowed, assume_unique=True)
            ids, rows = ids[chosen], rows[chosen]
        found = brute_force(units, ids, rows, min(k + excluded.shape[1], len(ids)))
        return best(_without(found.ids, excluded), found.scores, k)

    def _search_generation(
        self, units: Vectors, k: int, allowed: Ids | None, excluded: NDArray[np.int64]
    ) -> SearchResult:
        if self.generation is None or not len(units):
            return nothing_found(len(units), k)
        masked = self._masked
        if allowed is not None:  # a filter carries the mask itself: nothing to over-fetch
            allowed = np.setdiff1d(allowed[self.generation.known(allowed)], masked, assume_unique=True)
            masked = masked[:0]
        held = self.generation.count if allowed is None else len(allowed)
        reachable = held - len(masked)
        fetched = min(held, k + excluded.shape[1] + min(len(masked), FIRST_OVERFETCH))
        while True:
            found = self.generation.search(units, fetched, allowed)
            ids = np.where(np.isin(found.ids, masked), NO_ID, found.ids)
            enough = (ids != NO_ID).sum(axis=1) >= min(k + excluded.shape[1], reachable)
            if enough.all() or fetched >= held:
                return best(_without(ids, excluded), found.scores, k)
            fetched = min(held, fetched * 2)

    def known(self, ids: Ids) -> NDArray[np.bool_]:
        """Return (n,) bool: which ids can be found."""
        keys = checked_ids(ids)
        present = np.isin(keys, self.delta_ids)
        if self.generation is not None:
            present |= self.generation.known(keys) & ~np.isin(keys, self._masked)
        return present

    def vectors(self, ids: Ids) -> NDArray[np.float16]:
        """Return the uncentred vectors (n, d) of ids, in their order.

        Raises: NotFoundError for an id that is not here, or was removed.
        """
        keys = checked_ids(ids)
        missing = keys[~self.known(keys)]
        if len(missing):
            raise NotFoundError(f"There is no vector with the id {missing[0]} in this index.")
        rows = np.empty((len(keys), self.dims), dtype=np.float16)
        newer = np.isin(keys, self.delta_ids)
        rows[newer] = self.delta_vectors[np.searchsorted(self.delta_ids, keys[newer])]
        if self.generation is not None:
            rows[~newer] = self.generation.vectors(keys[~newer])
        return rows

    def uncentred_scores(self, query: NDArray[Any], ids: Ids) -> NDArray[np.float32]:
        """Return the cosines (n,) of the uncentred query (d,) with ids: comparable across datasets.

        Raises: NotFoundError for an id that is not here.
        """
        unit = normalise(self._checked_queries(np.asarray(query)[None]))[0]
        return np.asarray(normalise(self.vectors(ids)) @ unit, dtype=np.float32)

    def standard_scores(self, query: NDArray[Any], scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how many standard deviations uncentred scores (n,) lie above those of the whole index.

        Mean and deviation are of the query's scores with up to 512 vectors spread evenly over the index. They
        compare finds of different networks and layers: 0.9 is much for one and nothing for another.
        """
        sample = self._sample()
        if not len(sample):
            return scores
        usual = self.uncentred_scores(query, sample)
        return np.asarray((scores - usual.mean()) / max(float(usual.std()), 1e-6), dtype=np.float32)

    def _sample(self) -> Ids:
        """Return up to 512 ids spread over all that can be found."""
        newer = self.delta_ids[:: max(1, -(-len(self.delta_ids) // SAMPLE))]
        if self.generation is None:
            return newer
        held = self.generation.sample(SAMPLE)
        # newer ones as often as they are among all
        share = len(self.delta_ids) / self.count
        newer = newer[: round(SAMPLE * share)]
        return np.concatenate((np.setdiff1d(held, self._masked)[: SAMPLE - len(newer)], newer))


def _excluded(exclude_ids: Ids | None, queries: int) -> NDArray[np.int64]:
    if exclude_ids is None:
        return np.empty((queries, 0), dtype=np.int64)
    table = np.asarray(exclude_ids, dtype=np.int64)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or len(table) != queries:
        raise IndexInputError(f"Ids to leave out must come one row a query, {queries} rows.")
    return table


def _without(ids: NDArray[np.int64], excluded: NDArray[np.int64]) -> NDArray[np.int64]:
    for column in excluded.T:
        ids = np.where(ids == column[:, None], NO_ID, ids)
    return ids
