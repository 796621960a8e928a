"""Asks indexes for what is nearest and merges what they find."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from django.db.models import F
from numpy.typing import NDArray

from gallery.browse.where import EVERY_IMAGE, Where
from gallery.models import Image
from search.index.base import NO_ID
from search.index.calibration import Calibration, Unknown
from search.index.live import Expansion, LiveIndex, SearchPath
from search.indexing import database_vectors, snapshots
from search.live.hits import Candidate, Hit, hits_of
from search.live.steering import Steering
from search.live.timings import Timings
from search.models import Embedding, SearchIndex
from search.types import Ids

# Why nobody knows how likely hits are of the query's category: besides what a calibration says, nothing was
# fitted yet, or examples or a filter make other scores than those that it was fitted on
ProbabilityUnknown: TypeAlias = Unknown | Literal["unfitted", "steered", "filtered"]
# How many candidates of each of several datasets are merged at a time
MERGED_BLOCK = 500


@dataclass(frozen=True)
class IndexQuery:
    """What one index is asked.

    `vector` (d,) under its spec, uncentred; `own_ids` (1, e) to leave out; only among those that `where`
    finds. Where examples are `steering`, their vectors are put together about the centre of the index, and
    `vector` is what they come to without one.
    """

    index: SearchIndex
    vector: NDArray[np.float32]
    own_ids: Ids | None
    expansion: Expansion | None
    where: Where = EVERY_IMAGE
    steering: Steering | None = None

    def asked_of(self, live: LiveIndex) -> NDArray[np.float32]:
        """Return the uncentred query (d,) for a snapshot of the index."""
        return self.vector if self.steering is None else self.steering.query(live.centre)

    def meaning(self) -> tuple[Calibration | None, ProbabilityUnknown | None]:
        """Return what its scores mean, and why a probability is unknown, None where it is known."""
        if self.steering is not None:
            return None, "steered"
        if not self.where.is_open:
            return None, "filtered"
        found = snapshots.calibration(self.index)
        return (found, found.unknown) if found is not None else (None, "unfitted")


@dataclass(frozen=True)
class AskedIndex:
    """How an index was asked: of its `count` vectors so many were `allowed`, None without a filter.

    `calibration` is what the scores of its hits meant; `unknown` is why they have no probability.
    """

    index: SearchIndex
    count: int
    allowed: int | None
    path: SearchPath
    calibration: Calibration | None
    unknown: ProbabilityUnknown | None


@dataclass
class Ranking:
    """The search of several indexes: its hits, and how they came about."""

    queries: list[IndexQuery]
    timings: Timings
    asked: list[AskedIndex] = field(default_factory=list)

    def hits(self, wanted: int, left_out: Collection[int]) -> list[Hit]:
        """Return the first `wanted` hits, or a few more, without the images `left_out`."""
        fetched = wanted
        # the database decides what exists: when it drops candidates, more are asked for
        while True:
            candidates = self._candidates(fetched)
            with self.timings.stage("load"):
                found = hits_of(candidates, left_out)
            if len(found) >= wanted or len(candidates) < fetched:
                return found
            fetched *= 2

    def _candidates(self, count: int) -> list[Candidate]:
        """Return up to `count` candidates over all indexes, best first."""
        queries = self.queries
        self.asked = []
        found: list[Candidate] = []
        # merging orders anew: whole blocks are merged, so that the pages of a block share one order
        pool = count if len(queries) == 1 else -(-count // MERGED_BLOCK) * MERGED_BLOCK
        alike = len({query.index.spec_id for query in queries}) == 1
        for query in queries:
            with self.timings.stage("load"):
                live = snapshots.searchable(query.index)
                allowed = allowed_ids(query.index, query.where)
            few = None if allowed is None else len(allowed)
            meaning = query.meaning()
            self.asked.append(AskedIndex(query.index, live.count, few, live.path(few), *meaning))
            with self.timings.stage("search"):
                result = live.search(
                    query.asked_of(live)[None],
                    pool,
                    allowed,
                    exclude_ids=query.own_ids,
                    expansion=query.expansion,
                )
                ids, scores = result.ids[0], result.scores[0]
                ids, scores = ids[ids != NO_ID], scores[ids != NO_ID]
            known = _known(meaning[0], scores)
            merit = scores
            if len(queries) > 1:
                with self.timings.stage("rerank"):
                    # cosines of uncentred vectors mean the same in every dataset, if not in every layer
                    scores = live.uncentred_scores(query.vector, ids)
                    merit = scores if alike else live.standard_scores(query.vector, scores)
            found += [
                Candidate(float(score), int(pk), float(worth), *means)
                for pk, score, worth, means in zip(ids, scores, merit, known, strict=True)
            ]
        found.sort(key=lambda candidate: (-candidate.merit, candidate.embedding_id))
        return found[:count]


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
