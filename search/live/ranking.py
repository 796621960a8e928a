"""Asks indexes for what is nearest and merges what they find."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from django.db.models import F
from numpy.typing import NDArray

from gallery.browse.where import Where
from gallery.models import Image
from search.index.base import NO_ID
from search.index.calibration import Calibration
from search.index.live import LiveIndex, SearchPath
from search.indexing import database_vectors, snapshots
from search.live.hits import Candidate, Hit, hits_of
from search.live.index_queries import IndexQuery, ProbabilityUnknown
from search.live.part_queries import PartQuery, part_queries
from search.live.timings import Timings
from search.models import Embedding, SearchIndex
from search.types import Ids

# How many candidates of each of several datasets are merged at a time
MERGED_BLOCK = 500


@dataclass(frozen=True)
class AskedIndex:
    """How an index was asked: of its `count` vectors so many were `allowed`, None without a filter.

    `calibration` is what the scores of its hits meant; `unknown` is why they have no probability. So many
    `parts` of each image were looked at besides.
    """

    index: SearchIndex
    count: int
    allowed: int | None
    path: SearchPath
    calibration: Calibration | None
    unknown: ProbabilityUnknown | None
    parts: int = 0


@dataclass
class Ranking:
    """The search of several indexes: its hits, and how they came about."""

    queries: list[IndexQuery]
    timings: Timings
    asked: list[AskedIndex] = field(default_factory=list)
    parts: list[PartQuery] = field(default_factory=list)

    def hits(self, wanted: int, left_out: Collection[int]) -> list[Hit]:
        """Return the first `wanted` hits, or a few more, without the images `left_out`."""
        fetched = wanted
        with self.timings.stage("load"):
            self.parts = part_queries(self.queries, left_out)
        # the database decides what exists: when it drops candidates, more are asked for
        while True:
            candidates = self._candidates(fetched)
            with self.timings.stage("load"):
                found = hits_of(candidates, left_out)
            if len(found) >= wanted or len(candidates) < fetched or self._all_asked(fetched):
                return found
            fetched *= 2

    def _all_asked(self, fetched: int) -> bool:
        """Whether parts were asked for all that they have: of an image there are several candidates."""
        return bool(self.parts) and all(fetched >= part.query.index.embeddings for part in self.parts)

    def _candidates(self, count: int) -> list[Candidate]:
        """Return up to `count` candidates over all indexes, best first."""
        queries = self.queries
        self.asked = []
        found: list[Candidate] = []
        # merging orders anew: whole blocks are merged, so that the pages of a block share one order
        anew = len(queries) > 1 or any(query.of_text for query in queries)
        pool = -(-count // MERGED_BLOCK) * MERGED_BLOCK if anew else count
        alike = len({query.index.spec_id for query in queries}) == 1
        for query in queries:
            with self.timings.stage("load"):
                live = snapshots.searchable(query.index)
                allowed = allowed_ids(query.index, query.where)
            few = None if allowed is None else len(allowed)
            meaning = query.meaning()
            self.asked.append(
                AskedIndex(query.index, live.count, few, live.path(few), *meaning, len(self.parts))
            )
            with self.timings.stage("search"):
                ids, scores = _searched(live, query, pool, allowed)
            known = _known(meaning[0], scores)
            merit = scores
            if anew:
                with self.timings.stage("rerank"):
                    # cosines of uncentred vectors mean the same in every dataset, if not in every layer
                    scores = live.uncentred_scores(query.vector, ids)
                    merit = scores if alike else live.standard_scores(query.vector, scores)
            found += [
                Candidate(float(score), int(pk), float(worth), *means)
                for pk, score, worth, means in zip(ids, scores, merit, known, strict=True)
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
                allowed = allowed_ids(part.query.index, part.query.where)
            with self.timings.stage("search"):
                ids, scores = _searched(live, part.query, count, allowed)
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


def _known(
    calibration: Calibration | None, scores: NDArray[np.float32]
) -> list[tuple[float | None, float | None]]:
    """Return probability and percentile of hits with scores (n,) of one index, None for what is unknown."""
    nothing = [None] * len(scores)
    if calibration is None:
        return list(zip(nothing, nothing, strict=True))
    probabilities, percentiles = calibration.probabilities(scores), calibration.percentiles(scores)
    return list(
        zip(
            nothing if probabilities is None else probabilities.tolist(),
            nothing if percentiles is None else percentiles.tolist(),
            strict=True,
        )
    )


def allowed_ids(index: SearchIndex, where: Where) -> Ids | None:
    """Return the ids (n,) of the embeddings of an index whose images a filter finds; None for an open one."""
    if where.is_open:
        return None
    if (label := where.label) is not None:
        return _of_label(index, label)
    rows_of_dataset = Image.objects.filter(dataset=index.dataset_id)
    if where.names_files:
        # an expression: SQLite would take the index of datasets for as good as that of file names
        rows_of_dataset = Image.objects.alias(of=F("dataset_id") + 0).filter(of=index.dataset_id)
    images = where.found(rows_of_dataset).order_by()
    # an index has image, spec and key: of the embeddings, whose rows are large, none is read
    rows = Embedding.objects.filter(spec=index.spec_id, image__in=images.values("pk"))
    return np.fromiter(rows.order_by().values_list("pk", flat=True).iterator(), dtype=np.int64)


def _of_label(index: SearchIndex, label: str) -> Ids:
    # both sides are told the dataset: the label's pictures are then found by index, not among all datasets'
    rows = database_vectors.embeddings(index).filter(image__dataset=index.dataset_id)
    labelled = rows.filter(image__category=label).values_list("pk", flat=True)
    ids = labelled.union(rows.filter(image__further__name=label).values_list("pk", flat=True))
    return np.fromiter(ids.iterator(), dtype=np.int64)
