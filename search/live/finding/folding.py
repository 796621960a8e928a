"""Folds hits that show the same: identical files, and on request what is nearly identical.

The best of them stands for all. What stands for itself among the first hits does so however many more are
looked at: pages count what stands, and one continues where the last ended.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from search.live.document import Fold
from search.live.finding import hit_vectors
from search.live.finding.hits import Hit
from search.live.finding.ranking import Ranking
from search.models import SearchIndex

# Cosine about the centre from which two images are taken for nearly identical; measured in
# docs/explanation/lab/groups.md
NEAR = 0.90
BLOCK = 200  # hits that are looked at together
MOST_FOLDED = 2_000  # the first; those behind stand for themselves


@dataclass
class Standing:
    """A hit, and those behind it that it stands for: identical files, and images that are nearly so."""

    hit: Hit
    identical: list[Hit] = field(default_factory=list)
    near: list[Hit] = field(default_factory=list)


def standing(ranking: Ranking, wanted: int, left_out: Collection[int], fold: Fold) -> list[Standing]:
    """Return at least `wanted` hits that stand for themselves, best first, or as many as there are.

    Images `left_out` are none of them.
    """
    indexes = [query.index for query in ranking.queries]
    if fold == "identical" and len(indexes) == 1:  # a dataset has the same file once
        return [Standing(hit) for hit in ranking.hits(wanted, left_out)]
    size = wanted if fold == "identical" else -(-wanted // BLOCK) * BLOCK
    while True:
        hits = ranking.hits(size, left_out)[:size]
        found = folded(hits, indexes, fold)
        if len(found) >= wanted or len(hits) < size:
            return found
        size *= 2


def folded(hits: Sequence[Hit], indexes: Sequence[SearchIndex], fold: Fold) -> list[Standing]:
    """Return the hits of which none shows what one before it shows."""
    some = hits[:MOST_FOLDED]
    nearer = _first_near(some, indexes) if fold == "near" else np.arange(len(some))
    by_file: dict[str, Standing] = {}
    by_place: dict[int, Standing] = {}
    for place, hit in enumerate(some):
        file = hit.image.sha256
        stands = by_file.get(file) or by_place.get(int(nearer[place]))
        if stands is None:
            stands = by_place[place] = Standing(hit)
        elif stands.hit.image.sha256 == file:
            stands.identical.append(hit)
        else:
            stands.near.append(hit)
        by_file[file] = stands
    return [*by_place.values(), *map(Standing, hits[MOST_FOLDED:])]


def _first_near(hits: Sequence[Hit], indexes: Sequence[SearchIndex]) -> NDArray[np.int64]:
    """Return (n,) for each hit the place of the first that stands for itself and is near it, else its own."""
    found = np.arange(len(hits))
    for vectors in hit_vectors.of_hits(hits, indexes):
        near = vectors.units @ vectors.units.T >= NEAR
        stands = np.ones(len(near), dtype=np.bool_)
        for row in range(len(near)):
            before = np.flatnonzero(near[row, :row] & stands[:row])
            if len(before):
                stands[row] = False
                found[vectors.places[row]] = vectors.places[before[0]]
    return found
