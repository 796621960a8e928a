"""Asks indexes for what is nearest and merges what they find."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from search.index.base import NO_ID
from search.index.calibration import AGREEING, UNKNOWN_LABEL, Calibration, Nearest, evidence
from search.index.live import LiveIndex, SearchPath
from search.indexing import snapshots
from search.live.finding.filtering import allowed_of
from search.live.finding.hits import Candidate, Hit, ShownImage, hits_of, images_of
from search.live.finding.index_queries import IndexQuery, ProbabilityUnknown
from search.live.finding.part_queries import PartQuery, part_queries
from search.live.timings import Timings
from search.models import SearchIndex
from search.types import Ids

# How many candidates of each of several datasets are merged at a time
MERGED_BLOCK = 500


@dataclass(frozen=True)
class AskedIndex:
    """How an index was asked: of its `count` vectors so many were `allowed`, None without a filter.

    It is None as well where these are so `many` that only the nearest were read. `calibration` is what the
    scores of its hits meant; `unknown` is why they have no probability. So many `parts` of each image were
    looked at besides.
    """

    index: SearchIndex
    count: int
    allowed: int | None
    path: SearchPath
    calibration: Calibration | None
    unknown: ProbabilityUnknown | None
    parts: int = 0
    many: bool = False


@dataclass(frozen=True)
class Ranked:
    """What an index found, nearest first: ids (n,), scores (n,), and what these mean."""

    ids: Ids
    scores: NDArray[np.float32]
    calibration: Calibration | None

    def probabilities(self, images: Mapping[int, ShownImage]) -> dict[int, float]:
        """Return how likely those hits are of the query's category whose image is known, by their id."""
        if self.calibration is None or self.calibration.curve is None:
            return {}
        known = np.fromiter(images, dtype=np.int64)
        places = np.flatnonzero(np.isin(self.ids, known))
        labels = [images[key].category for key in self.ids[places].tolist()]
        first = self.ids[:AGREEING].tolist()
        nearest = Nearest(
            self.scores[:AGREEING].astype(np.float64),
            np.array([images[key].category if key in images else UNKNOWN_LABEL for key in first]),
        )
        own = np.array(labels, dtype=np.str_)
        found = evidence(nearest, places, self.scores[places].astype(np.float64), own)
        likely = self.calibration.probabilities(found, own != UNKNOWN_LABEL)
        assert likely is not None
        return dict(zip(self.ids[places].tolist(), likely.tolist(), strict=True))


@dataclass
class Ranking:
    """The search of several indexes: its hits, `rated` by what their scores mean, and how they came about."""

    queries: list[IndexQuery]
    timings: Timings
    rated: bool = True
    asked: list[AskedIndex] = field(default_factory=list)
    parts: list[PartQuery] = field(default_factory=list)
    ranked: list[Ranked] = field(default_factory=list)

    def hits(self, wanted: int, left_out: Collection[int]) -> list[Hit]:
        """Return the first `wanted` hits, or a few more, without the images `left_out`."""
        fetched = wanted
        with self.timings.stage("load"):
            self.parts = part_queries(self.queries, left_out)
        # the database decides what exists: when it drops candidates, more are asked for
        while True:
            candidates = self._candidates(fetched)
            with self.timings.stage("load"):
                # the first of each index tell how likely its hits are, also where others go before them
                first = [key for one in self.ranked for key in one.ids[:AGREEING].tolist()]
                images = images_of(list(dict.fromkeys([one.embedding_id for one in candidates] + first)))
                likely = {key: p for one in self.ranked for key, p in one.probabilities(images).items()}
                found = hits_of(candidates, images, likely, left_out)
            if len(found) >= wanted or len(candidates) < fetched or self._all_asked(fetched):
                return found
            fetched *= 2

    def _all_asked(self, fetched: int) -> bool:
        """Whether parts were asked for all that they have: of an image there are several candidates."""
        return bool(self.parts) and all(fetched >= part.query.index.embeddings for part in self.parts)

    def _candidates(self, count: int) -> list[Candidate]:
        """Return up to `count` candidates over all indexes, best first."""
        queries = self.queries
        self.asked, self.ranked = [], []
        found: list[Candidate] = []
        # merging orders anew: whole blocks are merged, so that the pages of a block share one order
        least = max(count, AGREEING)  # whose labels say how likely the others are
        anew = len(queries) > 1 or any(query.of_text for query in queries)
        pool = -(-least // MERGED_BLOCK) * MERGED_BLOCK if anew else least
        alike = len({query.index.spec_id for query in queries}) == 1
        for query in queries:
            with self.timings.stage("load"):
                live = snapshots.searchable(query.index)
                allowed = allowed_of(live, query, pool)
            many = allowed is not None and allowed.many
            few = None if allowed is None or many else len(allowed.ids)
            meaning = query.meaning() if self.rated else (None, None)
            self.asked.append(
                AskedIndex(query.index, live.count, few, live.path(few), *meaning, len(self.parts), many)
            )
            with self.timings.stage("search"):
                ids, scores = _searched(live, query, pool, allowed.ids if allowed is not None else None)
            self.ranked.append(Ranked(ids, scores, meaning[0]))
            percentiles = meaning[0].percentiles(scores) if meaning[0] is not None else None
            merit = scores
            if anew:
                with self.timings.stage("rerank"):
                    # cosines of uncentred vectors mean the same in every dataset, if not in every layer
                    scores = live.uncentred_scores(query.vector, ids)
                    merit = scores if alike else live.standard_scores(query.vector, scores)
            found += [
                Candidate(float(score), int(pk), float(worth), share)
                for pk, score, worth, share in zip(
                    ids, scores, merit, _listed(percentiles, len(ids)), strict=True
                )
            ]
        found += self._of_parts(pool)
        found.sort(key=lambda candidate: (-candidate.merit, candidate.embedding_id))
        # an image may be there for several of its parts: the first is the one that counts
        return found if self.parts else found[:count]

    def _of_parts(self, count: int) -> list[Candidate]:
        """Return up to `count` candidates of each part, which has its own index.

        The first `count` images of all parts together are among them: what is before an image in the index of
        its best part is before it over all.
        """
        found: list[Candidate] = []
        for part in self.parts:
            with self.timings.stage("load"):
                live = snapshots.searchable(part.query.index)
                allowed = allowed_of(live, part.query, count)
            with self.timings.stage("search"):
                found_ids = allowed.ids if allowed is not None else None
                ids, scores = _searched(live, part.query, count, found_ids)
            found += [
                Candidate(float(score), int(pk), float(score) - part.lead, box=part.box)
                for pk, score in zip(ids, scores, strict=True)
            ]
        return found


def _searched(
    live: LiveIndex, query: IndexQuery, count: int, allowed: Ids | None
) -> tuple[Ids, NDArray[np.float32]]:
    """Return the ids (n,) of the nearest vectors of an index, at most `count`, and their scores (n,)."""
    result = live.search(
        query.asked_of(live)[None],
        count,
        allowed,
        exclude_ids=query.own_ids,
        expansion=query.expansion,
    )
    ids, scores = result.ids[0], result.scores[0]
    return ids[ids != NO_ID], scores[ids != NO_ID]


def _listed(values: NDArray[np.float64] | None, count: int) -> list[float] | list[None]:
    return [None] * count if values is None else values.tolist()
