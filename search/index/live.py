"""What is searched: one generation, what came after it (exactly), without what was removed since."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError
from search.index.base import (
    NO_ID,
    NO_SCORE,
    IndexInputError,
    PublishedGeneration,
    SearchResult,
    ascending,
    best,
    brute_force,
    checked_ids,
    contained,
    half_precision,
    normalise,
    nothing_found,
)
from search.index.faiss.generation import Mean
from search.types import Ids, Vectors

# What an index does with a query: it compares every vector that is allowed, looks where the nearest are
# likely, or looks there and asks of each whether it is allowed
SearchPath: TypeAlias = Literal["exact", "approximate", "selector"]

# Masked rows are over-fetched at most so far at first; the loop fetches more when that was too few.
FIRST_OVERFETCH = 16
SAME = 1 - 1e-5  # a score from which on a vector counts as that of the same image
SAMPLE = 512  # vectors whose scores say what is usual in an index


@dataclass(frozen=True)
class Expansion:
    """Alpha query expansion: average the query with its first `neighbours`, weighted by score ** alpha.

    Source: Radenović, Tolias and Chum, "Fine-tuning CNN image retrieval with no human annotation", 2018
    (arXiv:1711.02512), section 3.3.
    """

    neighbours: int = 5
    alpha: float = 3.0


# How a live query is asked; chosen by experiment, see docs/explanation/choosing-the-default.md
QUERY_EXPANSION: Expansion | None = Expansion(neighbours=2, alpha=1.0)


@dataclass(frozen=True)
class RankingQuery:
    """What hits are ranked by: their cosine to `unit` (d,), a centred query that may have been expanded.

    `plain` (d,) is the query itself, of which `unit` holds `own_share` beside its neighbours. Hits of the ids
    `same` are the image itself, and are ranked by `plain`.
    """

    unit: NDArray[np.float32]
    plain: NDArray[np.float32]
    own_share: float
    same: Ids


@dataclass(frozen=True)
class Delta:
    """Embeddings newer than a generation: ids (n,) ascending, vectors (n, d) uncentred, and centred units."""

    ids: Ids
    vectors: NDArray[np.float16]
    units: Vectors

    @classmethod
    def of(cls, ids: Ids, vectors: NDArray[np.float16], centre: NDArray[np.float32]) -> Delta:
        """Centre vectors whose ids ascend."""
        return cls(ids, vectors, normalise(vectors.astype(np.float32) - centre))

    def filter(self, chosen: NDArray[np.bool_]) -> Delta:
        """Return those whose place in `chosen` (n,) is true."""
        return self if chosen.all() else Delta(self.ids[chosen], self.vectors[chosen], self.units[chosen])

    def merge(self, other: Delta) -> Delta:
        """Return both, which share no id."""
        ids = np.concatenate((self.ids, other.ids))
        vectors = np.concatenate((self.vectors, other.vectors))
        units = np.concatenate((self.units, other.units))
        if len(self.ids) and len(other.ids) and other.ids[0] < self.ids[-1]:
            order = np.argsort(ids)
            ids, vectors, units = ids[order], vectors[order], units[order]
        return Delta(ids, vectors, units)


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
        order = order[~contained(keys[order], self._removed)]
        keys, rows = keys[order], rows[order]
        if (np.diff(keys) == 0).any():
            raise IndexInputError("The same id came twice among the new vectors.")
        self.centre = _centre(rows) if generation is None else generation.centre
        self._delta = Delta.of(keys, rows, self.centre)
        self._excluded, self._excluded_here = self._excluded_ids()

    @property
    def delta_ids(self) -> Ids:
        """Ids (n,) of what is newer than the generation, ascending."""
        return self._delta.ids

    @property
    def delta_vectors(self) -> NDArray[np.float16]:
        """Uncentred vectors (n, d) of what is newer than the generation."""
        return self._delta.vectors

    def _excluded_ids(self) -> tuple[Ids, Ids]:
        """Return the ids whose vectors in a generation do not count, ascending, and those that it holds."""
        gone = np.union1d(self._removed, self.delta_ids)
        return gone, gone[self.generation.known(gone)] if self.generation is not None else gone[:0]

    @property
    def count(self) -> int:
        """Vectors that can be found."""
        kept = self.generation.count - len(self._excluded_here) if self.generation is not None else 0
        return kept + len(self.delta_ids)

    def path(self, allowed: int | None) -> SearchPath:
        """Return how it is searched when so many vectors are allowed, None for all of them."""
        if self.generation is None or self.generation.scans(allowed):
            return "exact"
        return "approximate" if allowed is None else "selector"

    def with_changes(
        self, added_ids: Ids, added_vectors: NDArray[Any], removed_ids: Collection[int] = frozenset()
    ) -> LiveIndex:
        """Return a new snapshot with vectors (n, d) added or replaced, then ids removed.

        Beside a generation it takes the time of what has changed.
        """
        added = checked_ids(added_ids)
        gone = (self.removed_ids - set(added.tolist())) | {int(key) for key in removed_ids}
        kept = ~np.isin(self.delta_ids, added)
        if self.generation is None:  # the centre is another then
            rows = half_precision(added_vectors, self.dims)
            vectors = np.concatenate((self.delta_vectors[kept], rows))
            return LiveIndex(None, np.concatenate((self.delta_ids[kept], added)), vectors, gone)
        newer = LiveIndex(self.generation, added, added_vectors, gone)
        old = self._delta.filter(kept & ~contained(self.delta_ids, newer._removed))
        newer._delta = old.merge(newer._delta)
        newer._excluded, newer._excluded_here = newer._excluded_ids()
        return newer

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
        if expansion is None or expansion.neighbours < 1:
            return self._search_blocks(units, k, allowed, excluded)
        near = self._search_units(units, expansion.neighbours, allowed, excluded)
        found = self._search_blocks(self._expanded(units, near, expansion.alpha), k, allowed, excluded)
        # averaging takes the query away from its like, which is the first of its neighbours all the same
        same = np.where(near.scores >= SAME, near.ids, NO_ID)
        for row, ids in enumerate(same):
            found.scores[row, np.isin(found.ids[row], ids[ids != NO_ID])] = 1.0
        return found

    def ranking_query(
        self,
        query: NDArray[Any],
        allowed_ids: Ids | None = None,
        *,
        exclude_ids: Ids | None = None,
        expansion: Expansion | None = None,
    ) -> RankingQuery:
        """Return what `search` ranks the hits of one uncentred query (d,) by, asked in the same way."""
        units = normalise(self._checked_queries(np.asarray(query)[None]) - self.centre)
        if not self.count or expansion is None or expansion.neighbours < 1:
            return RankingQuery(units[0], units[0], 1.0, np.empty(0, dtype=np.int64))
        allowed = None if allowed_ids is None else ascending(allowed_ids)
        near = self._search_units(units, expansion.neighbours, allowed, _excluded(exclude_ids, 1))
        sums = self._sums(units, near, expansion.alpha)
        length = float(np.linalg.norm(sums[0])) or 1.0
        same = near.ids[0][near.scores[0] >= SAME]
        return RankingQuery(normalise(sums)[0], units[0], 1 / length, same[same != NO_ID])

    def pair_scores(
        self, queries: NDArray[Any], ids: Ids, *, exclude_ids: Ids, expansion: Expansion | None
    ) -> NDArray[np.float32]:
        """Return the scores (m, n) that uncentred queries (m, d) give ids (n,), however far these are.

        As `search` scores them: `exclude_ids` (m,) are left out of the expansion of their own query.
        """
        units = normalise(self._checked_queries(queries) - self.centre)
        if expansion is not None and expansion.neighbours > 0:
            near = self._search_units(units, expansion.neighbours, None, _excluded(exclude_ids, len(units)))
            units = self._expanded(units, near, expansion.alpha)
        return np.asarray(units @ normalise(self.vectors(ids).astype(np.float32) - self.centre).T)

    def _search_blocks(
        self, units: Vectors, k: int, allowed: Ids | None, excluded: NDArray[np.int64]
    ) -> SearchResult:
        """Search for whole blocks of hits, those of the next block behind those of the last.

        Looking for more, a compressed index may find one that it missed among the first: it comes where the
        block begins that found it, and no hit changes its place from one page to another.
        """
        if self.generation is None or k < 1 or self.generation.block_of(k) == k:
            return self._search_units(units, k, allowed, excluded)
        size = self.generation.block_of(1)
        found = self._search_units(units, size, allowed, excluded)
        while size < k and (found.ids[:, -1] != NO_ID).any():
            size = self.generation.block_of(size + 1)
            found = _extended(found, self._search_units(units, size, allowed, excluded))
        if found.ids.shape[1] >= k:
            return SearchResult(found.ids[:, :k], found.scores[:, :k])
        first = nothing_found(len(units), k)
        width = found.ids.shape[1]
        first.ids[:, :width], first.scores[:, :width] = found.ids, found.scores
        return first

    def _checked_queries(self, queries: NDArray[Any]) -> Vectors:
        rows = np.asarray(queries, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.dims:
            raise IndexInputError(f"Queries must have the shape (m, {self.dims}), not {rows.shape}.")
        return rows

    def _expanded(self, units: Vectors, near: SearchResult, alpha: float) -> Vectors:
        """Return the queries averaged with their neighbours, brought to unit length."""
        return normalise(self._sums(units, near, alpha))

    def _sums(self, units: Vectors, near: SearchResult, alpha: float) -> Vectors:
        """Return q + sum of max(s, 0) ** alpha * v over the neighbours for each query."""
        sums = units.copy()
        for row, (ids, scores) in enumerate(zip(near.ids, near.scores, strict=True)):
            found = ids != NO_ID
            weights = np.maximum(scores[found], 0) ** np.float32(alpha)
            sums[row] += weights @ normalise(self.vectors(ids[found]).astype(np.float32) - self.centre)
        return sums

    def _search_units(
        self, units: Vectors, k: int, allowed: Ids | None, excluded: NDArray[np.int64]
    ) -> SearchResult:
        if k < 1:
            return nothing_found(len(units), 0)
        untouched = not len(self._excluded) and not excluded.shape[1]  # nothing newer, nothing to be left out
        if self.generation is not None and untouched and len(units):
            return self.generation.search(units, k, allowed)
        old = self._search_generation(units, k, allowed, excluded)
        new = self._search_delta(units, k, allowed, excluded)
        return best(np.hstack((old.ids, new.ids)), np.hstack((old.scores, new.scores)), k)

    def _search_delta(
        self, units: Vectors, k: int, allowed: Ids | None, excluded: NDArray[np.int64]
    ) -> SearchResult:
        """Return at least the k best of the delta, those that are not to be found as -1."""
        ids, rows = self._delta.ids, self._delta.units
        if allowed is not None:
            chosen = contained(ids, allowed)
            ids, rows = ids[chosen], rows[chosen]
        found = brute_force(units, ids, rows, min(k + excluded.shape[1], len(ids)))
        return SearchResult(_without(found.ids, excluded), found.scores)

    def _search_generation(
        self, units: Vectors, k: int, allowed: Ids | None, excluded: NDArray[np.int64]
    ) -> SearchResult:
        """Return at least the k best of the generation, those that are not to be found as -1.

        A generation holds the ids 1 to 100, of which 7 has a newer vector in the delta and 9 was removed. For
        10 hits 12 are fetched, which leaves 10 in any case. With 50 such ids 26 are fetched; where more than
        16 of these are masked, 52, then all 100. A filter asks for what it allows without 7 and 9, and
        fetches 10.
        """
        if self.generation is None or not len(units):
            return nothing_found(len(units), k)
        # not only those that it held when this snapshot was made: it may take some in while it serves
        gone, masked = self._excluded, self._excluded_here
        if allowed is not None:  # a filter carries the mask itself: nothing to over-fetch
            places = np.searchsorted(allowed, gone[contained(gone, allowed)])
            found = self.generation.search(
                units, k + excluded.shape[1], np.delete(allowed, places) if len(places) else allowed
            )
            return SearchResult(_without(found.ids, excluded), found.scores)
        held = self.generation.count
        reachable = held - len(masked)
        fetched = min(held, k + excluded.shape[1] + min(len(masked), FIRST_OVERFETCH))
        while True:
            found = self.generation.search(units, fetched, allowed)
            ids = np.where(contained(found.ids, gone), NO_ID, found.ids) if len(gone) else found.ids
            enough = (ids != NO_ID).sum(axis=1) >= min(k + excluded.shape[1], reachable)
            if enough.all() or fetched >= held:
                return SearchResult(_without(ids, excluded), found.scores)
            fetched = min(held, fetched * 2)

    def known(self, ids: Ids) -> NDArray[np.bool_]:
        """Return (n,) bool: which ids can be found."""
        keys = checked_ids(ids)
        present = np.isin(keys, self.delta_ids)
        if self.generation is not None:
            present |= self.generation.known(keys) & ~np.isin(keys, self._excluded_here)
        return present

    def vectors(self, ids: Ids) -> NDArray[np.float16]:
        """Return the uncentred vectors (n, d) of ids, in their order.

        Raises: NotFoundError for an id that is not here, or was removed.
        """
        keys = checked_ids(ids)
        newer = np.isin(keys, self.delta_ids)
        # what a generation does not hold it says itself
        missing = keys[~newer if self.generation is None else np.isin(keys, self._removed)]
        if len(missing):
            raise NotFoundError(f"There is no vector with the id {missing[0]} in this index.")
        rows = np.empty((len(keys), self.dims), dtype=np.float16)
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
        sample = self.sample()
        if not len(sample):
            return scores
        usual = self.uncentred_scores(query, sample)
        return np.asarray((scores - usual.mean()) / max(float(usual.std()), 1e-6), dtype=np.float32)

    def sample(self, size: int = SAMPLE) -> Ids:
        """Return up to `size` ids spread over all that can be found."""
        newer = self.delta_ids[:: max(1, -(-len(self.delta_ids) // size))]
        if self.generation is None:
            return newer
        held = self.generation.sample(size)
        # newer ones as often as they are among all, of which there may be none left
        share = len(self.delta_ids) / max(1, self.count)
        newer = newer[: round(size * share)]
        return np.concatenate((np.setdiff1d(held, self._excluded_here)[: size - len(newer)], newer))


def _centre(rows: NDArray[np.float16]) -> NDArray[np.float32]:
    mean = Mean(rows.shape[1])
    mean.add(rows)
    return mean.centre()


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


def _extended(first: SearchResult, more: SearchResult) -> SearchResult:
    """Return the hits of a smaller search, then those that only a larger one has, in its order."""
    ids, scores = np.full_like(more.ids, NO_ID), np.full_like(more.scores, NO_SCORE)
    for row, (own, others) in enumerate(zip(first.ids, more.ids, strict=True)):
        held = own != NO_ID
        fresh = ~np.isin(others, own[held]) & (others != NO_ID)
        together = np.concatenate((own[held], others[fresh]))[: ids.shape[1]]
        ids[row, : len(together)] = together
        scores[row, : len(together)] = np.concatenate((first.scores[row, held], more.scores[row, fresh]))[
            : len(together)
        ]
    return SearchResult(ids, scores)
