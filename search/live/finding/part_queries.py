"""Searches among parts of images, beside that among whole ones, where a dataset has them indexed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from search.extractors.parts import LEADS, PARTS, of_image
from search.extractors.resizing import Box
from search.features import part_specs
from search.live.finding.index_queries import IndexQuery
from search.models import Embedding, SearchIndex

# By the key of an index: its revision, and whether there were parts beside it. An index of parts that comes
# or goes changes the revision of that of whole images: plain searches ask the database for nothing.
_known: dict[int, tuple[int, bool]] = {}


@dataclass(frozen=True)
class PartQuery:
    """What the index of one part of images is asked."""

    part: str
    query: IndexQuery

    @property
    def lead(self) -> float:
        """How much nearer it has to be than all of an image."""
        return LEADS[self.part]

    @property
    def box(self) -> Box:
        """Where the part lies in an image."""
        return of_image(self.part)


def part_queries(queries: Sequence[IndexQuery], left_out: Collection[int]) -> list[PartQuery]:
    """Return what the parts are asked, without the images that are left out.

    Only a search of one dataset looks at parts: the scores of several are brought together in another way.
    """
    if len(queries) != 1:
        return []
    (query,) = queries
    there = _indexes(query.index)
    own = _own_ids(there, left_out)
    return [
        PartQuery(part, replace(query, index=index, own_ids=own.get(index.spec_id)))
        for part, index in there.items()
    ]


def _indexes(index: SearchIndex) -> dict[str, SearchIndex]:
    if not index.live:
        return {}
    held = _known.get(index.pk)
    if held == (index.revision, False):
        return {}
    found = part_specs.existing_indexes(index)
    _known[index.pk] = (index.revision, bool(found))
    return {part: found[part] for part in PARTS if part in found}


def _own_ids(
    there: dict[str, SearchIndex], left_out: Collection[int]
) -> dict[int, np.ndarray[tuple[int, int], np.dtype[np.int64]]]:
    if not there or not left_out:
        return {}
    specs = [index.spec_id for index in there.values()]
    rows = Embedding.objects.filter(spec__in=specs, image__in=left_out).values_list("spec", "pk")
    own: dict[int, list[int]] = {}
    for spec, pk in rows:
        own.setdefault(spec, []).append(pk)
    return {spec: np.array([ids], dtype=np.int64) for spec, ids in own.items()}
