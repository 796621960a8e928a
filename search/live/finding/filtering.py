"""Which embeddings a filter allows, and how many images it finds, as far as time allows.

Where it allows very many, not all of them are read for a search: of the vectors nearest to the query it is
asked which the filter allows. There the number of all is not known, and "many" is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import F, QuerySet

from gallery.browse.facets import asked_within
from gallery.browse.where import Where
from gallery.models import FurtherCategory, Image
from search.index.base import NO_ID
from search.index.live import LiveIndex
from search.indexing.database_vectors import NAMED_IDS
from search.live.finding.index_queries import IndexQuery
from search.models import Embedding, SearchIndex
from search.types import Ids

# An answer has 300 ms: these are for all that a filter allows, or for a count
ALLOWED_WITHIN_S = COUNTED_WITHIN_S = 0.15
MOST_ALLOWED = 100_000
NEAR = (2_000, 16_000)  # vectors nearest to the query that are asked about, more where too few are allowed
NEWEST = 1_000  # images that are looked at before all are
ENOUGH = 2  # times as many as are wanted: an expanded query finds others than the query itself


@dataclass(frozen=True)
class Allowed:
    """Ids (n,) of embeddings that a query may find; where they are `many`, those of the nearest alone."""

    ids: Ids
    many: bool = False


def allowed_of(live: LiveIndex, query: IndexQuery, wanted: int) -> Allowed | None:
    """Return what a query may find that looks for so many hits; None without a filter."""
    if query.where.is_open:
        return None
    few = few_allowed(query.index, query.where)
    if few is not None:
        return Allowed(few)
    vector = query.asked_of(live)[None]
    for size in NEAR:
        near = live.search(vector, size, exclude_ids=query.own_ids).ids[0]
        near = near[near != NO_ID]
        ids = allowed_among(near, query.index, query.where)
        if len(near) < size or len(ids) >= ENOUGH * wanted:
            return Allowed(ids, many=len(near) == size)
    return Allowed(_read(allowed_rows(query.index, query.where)))


def few_allowed(index: SearchIndex, where: Where) -> Ids | None:
    """Return the ids (n,) of the embeddings that a filter allows, None where these are too many to read."""
    # not row by row: a database that is asked for the first ones soon is slower to give all
    ids = asked_within(ALLOWED_WITHIN_S, lambda: list(allowed_rows(index, where)[: MOST_ALLOWED + 1]))
    return None if ids is None or len(ids) > MOST_ALLOWED else np.array(ids, dtype=np.int64)


def allowed_rows(index: SearchIndex, where: Where) -> QuerySet[Embedding, int]:
    """Return the ids of the embeddings of an index whose images a filter finds, as a query."""
    if (label := where.label) is not None:
        return _of_label(index, label)
    rows_of_dataset = Image.objects.filter(dataset=index.dataset_id)
    if where.names_files:
        # an expression: SQLite would take the index of datasets for as good as that of file names
        rows_of_dataset = Image.objects.alias(of=F("dataset_id") + 0).filter(of=index.dataset_id)
    images = where.found(rows_of_dataset).order_by()
    return _of_images(index, images.values("pk"))


def _of_label(index: SearchIndex, label: str) -> QuerySet[Embedding, int]:
    images = Image.objects.filter(dataset=index.dataset_id, category=label)
    labelled = _of_images(index, images.order_by().values("pk"))
    further = FurtherCategory.objects.filter(name=label)
    if not further.exists():
        return labelled
    # each by an index of its own
    others = Image.objects.filter(dataset=index.dataset_id, pk__in=further.values("image"))
    return labelled.union(_of_images(index, others.order_by().values("pk")))


def _of_images(index: SearchIndex, images: QuerySet[Image, Any]) -> QuerySet[Embedding, int]:
    # an index has image, spec and key: of the embeddings, whose rows are large, none is read
    rows = Embedding.objects.filter(spec=index.spec_id, image__in=images)
    if connection.vendor == "postgresql":
        rows = rows.filter(dataset=index.dataset_id)  # with it another index has all three
    return rows.order_by().values_list("pk", flat=True)


def allowed_among(ids: Ids, index: SearchIndex, where: Where) -> Ids:
    """Return those of some embeddings (n,) whose images a filter finds."""
    found: list[int] = []
    for start in range(0, len(ids), NAMED_IDS):
        rows = Embedding.objects.filter(pk__in=ids[start : start + NAMED_IDS].tolist())
        images = dict(rows.values_list("image", "pk"))
        named = list(images)
        of_dataset = Image.objects.filter(dataset=index.dataset_id, pk__in=named)
        found += [images[pk] for pk in where.found(of_dataset, named).order_by().values_list("pk", flat=True)]
    return np.array(sorted(found), dtype=np.int64)


def newest_of_many(where: Where, rows: QuerySet[Image], count: int) -> list[int]:
    """Return the ids of the newest of some images that a filter finds, newest first, where it finds many.

    The newest of all are looked at first: a database would begin with what it has to look up.
    """
    ids = list(rows.order_by("-pk").values_list("pk", flat=True)[:NEWEST])
    of_newest = where.found(Image.objects.filter(pk__in=ids), ids).order_by("-pk")
    found = list(of_newest.values_list("pk", flat=True)[:count])
    if len(found) >= count or len(ids) < NEWEST:
        return found
    return list(where.found(rows).order_by("-pk").values_list("pk", flat=True)[:count])


def _read(rows: QuerySet[Embedding, int]) -> Ids:
    return np.fromiter(rows.iterator(), dtype=np.int64)


def counted(rows: QuerySet[Image]) -> int | None:
    """Return how many images a query finds; None where there are too many to count in time."""
    return asked_within(COUNTED_WITHIN_S, rows.order_by().count)
