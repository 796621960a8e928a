"""A saved search as a live collection: which images it has now, and how many of them came since.

A filter has all images that it finds, and words have those that have them, without what looks like these. A
search by examples has its hits above the cut-off where it has one, else its first page: what people saw when
they saved it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from django.db.models import Count

from gallery.browse.facets import TooSlowError, asked_within, within
from gallery.browse.where import Condition, Rows, Where, among
from gallery.models import Dataset, Image
from search.live import engine
from search.live.document import QueryDocument

MOST_RANKED = 500  # images of a search by words, or by examples with a cut-off
MOST_NEW = 99  # counted; more are "many"
ALLOWED_MS = 250  # for the counts of all saved searches together


@dataclass(frozen=True)
class New:
    """How many images of a saved search came since it was seen; None where that is `many`, or unknown.

    `problem` is the sentence that says why the search has no answer any more, "" where it has one.
    """

    count: int | None
    many: bool = False
    problem: str = ""


def where_of(document: QueryDocument) -> Where:
    """Return what finds the images that a document has now. Raises: what `engine.answered` does."""
    if document.kind != "browse":
        return among(*hit_ids(document))
    for slug in document.datasets:
        Dataset.objects.called(slug)
    if not document.datasets:
        return document.where
    of_datasets = Condition("dataset", "any", document.datasets)
    return replace(document.where, conditions=(of_datasets, *document.where.conditions))


def hit_ids(document: QueryDocument) -> list[int]:
    """Return the ids of the images that a ranked search has now, best first. Raises: as `where_of`."""
    cutoff, by_words = document.cutoff, document.kind == "words"
    k = MOST_RANKED if cutoff is not None or by_words else document.k
    found = engine.answered(replace(document, k=k, skipped=0, explain=False))
    mode = "probability" if cutoff is None else cutoff.mode
    ranked: list[tuple[int, float | None]] = [(hit.image.pk, getattr(hit, mode)) for hit in found.hits]
    if by_words:
        ranked = [
            (image.pk, found.matches[image.pk].probability if mode == "probability" else None)
            for image in found.images
        ]
    # where nobody knows what is above the line, the first page is what there is
    if cutoff is None or all(value is None for _, value in ranked):
        return [pk for pk, _ in (ranked if by_words else ranked[: document.k])]
    return [pk for pk, value in ranked if value is not None and value >= cutoff.at]


def images(document: QueryDocument) -> Rows:
    """Return the images that a document has now. Raises: as `where_of`."""
    return where_of(document).found(Image.objects.filter(dataset__in=Dataset.objects.all()))


def counted(found: Rows) -> dict[str, int] | None:
    """Return how many images each dataset (slug) has of some, None where counting them takes too long."""
    by_dataset = found.order_by().values_list("dataset__slug").annotate(n=Count("pk"))
    return asked_within(ALLOWED_MS / 1000, lambda: dict(by_dataset.order_by("-n", "dataset__slug")))


def count_new(document: QueryDocument, since: int, ends: float) -> New:
    """Return how many images of a document came after the one of an id, counting until a monotonic time.

    Where nothing came at all, no search is made. Raises: what `where_of` does.
    """
    try:
        with within(ends - time.monotonic()):
            came = Image.objects.filter(pk__gt=since)
            if document.datasets:
                came = came.filter(dataset__slug__in=document.datasets)
            if not came.exists():
                return New(0)
        if document.kind != "browse":
            return New(sum(pk > since for pk in hit_ids(document)))
        with within(ends - time.monotonic()):
            rows = where_of(document).found(came.filter(dataset__in=Dataset.objects.all())).order_by()
            counted = rows[: MOST_NEW + 1].count()
    except TooSlowError:
        return New(None, many=True)
    return New(None, many=True) if counted > MOST_NEW else New(counted)
