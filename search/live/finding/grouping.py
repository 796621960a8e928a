"""Tells which groups the first hits fall into: by label, or by what they look like.

"Which do you mean?": each group comes with an image that stands for it and with examples that lead to more of
it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search.index import groups as index_groups
from search.live.document import Grouping
from search.live.finding import hit_vectors
from search.live.finding.hits import Hit, ShownImage
from search.models import SearchIndex

MOST_LABELS = 12
EXAMPLES = 3  # of a group, to search on with
COMMON = 0.5  # of a group, has the label that the group is called by


@dataclass(frozen=True)
class Group:
    """Hits that belong together: their common label, one that stands for them, and examples (ids)."""

    label: str
    count: int
    image: ShownImage
    like: list[int]


def groups(hits: Sequence[Hit], indexes: Sequence[SearchIndex], by: Grouping) -> list[Group]:
    """Return the groups of hits, largest first; none where they all belong together.

    Of hits under several specs those of the one with most are looked at: others do not compare.
    """
    return _by_label(hits) if by == "label" else _by_look(hits, indexes)


def _by_label(hits: Sequence[Hit]) -> list[Group]:
    by_label: dict[str, list[Hit]] = {}
    for hit in hits:
        by_label.setdefault(hit.image.category, []).append(hit)
    found = [
        Group(label, len(own), own[0].image, [hit.image.pk for hit in own[:EXAMPLES]])
        for label, own in sorted(by_label.items(), key=lambda pair: -len(pair[1]))
    ]
    return found[:MOST_LABELS] if len(found) > 1 else []


def _by_look(hits: Sequence[Hit], indexes: Sequence[SearchIndex]) -> list[Group]:
    vectors = max(hit_vectors.of_hits(hits, indexes), key=lambda one: len(one.places), default=None)
    if vectors is None:
        return []
    found: list[Group] = []
    for rows in index_groups.groups(vectors.units):
        own = [hits[place] for place in vectors.places[rows]]
        units = vectors.units[rows]
        central = np.argsort(-(units @ units.sum(axis=0)), kind="stable")
        typical = [own[row].image for row in central]
        found.append(Group(_common(own), len(own), typical[0], [one.pk for one in typical[:EXAMPLES]]))
    return found


def _common(hits: Sequence[Hit]) -> str:
    label, count = Counter(hit.image.category for hit in hits).most_common(1)[0]
    return label if count > COMMON * len(hits) else ""
