"""All pictures of a dataset in a shuffled or sorted order that stays, read window by window.

A window costs the same in a dataset of a million pictures as in one of a thousand: where a category begins is
told by the counts that the database keeps, and a shuffled order is made once and remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from gallery.browse.dataset_summaries import annotate_id_range
from gallery.browse.image_summaries import ImageSummary, image_summaries
from gallery.browse.shuffling import shuffled
from gallery.counts.dataset_cache import DatasetCache
from gallery.errors import NotFoundError
from gallery.models import Category, Dataset, Image

RANDOM, BY_CATEGORY = ORDERS = ("random", "category")
# how many lists of ids, and of orders of them, are remembered: 8 bytes a picture each
REMEMBERED = 16
READ_ROWS = 10_000
# ids are given out before they are committed: so many of the last are read again, with what came between
UNSETTLED = 1000

Ids = NDArray[np.int64]


class CategoryStartAnswer(TypedDict):
    """A category, the offset of its first image, and how many it has."""

    name: str
    start: int
    images: int


class WindowAnswer(TypedDict):
    """Some of a dataset's images in order; `categories` only when they are sorted by it."""

    total: int
    offset: int
    pictures: list[ImageSummary]
    categories: list[CategoryStartAnswer]


@dataclass(frozen=True)
class WindowRequest:
    """Which pictures of which order; a seed gives the same random order every time.

    `around` is the id of a picture: of all windows of `limit` pictures the one that holds it is meant.
    """

    dataset: str
    order: str = RANDOM
    seed: int = 1
    offset: int = 0
    limit: int = 100
    around: int | None = None


@dataclass(frozen=True)
class _Counted:
    """A dataset with what is kept of its pictures: ids of the first and the last, counts by category."""

    dataset: Dataset
    first: int
    last: int
    categories: list[tuple[str, int]]
    total: int


_ids: DatasetCache[Ids] = DatasetCache(REMEMBERED)
_orders: DatasetCache[Ids] = DatasetCache(REMEMBERED)


def window(request: WindowRequest) -> WindowAnswer:
    """Return one window of a dataset's pictures, as plain values, without reading those before it.

    `categories` say where each begins; a random order has none.
    Raises: NotFoundError for an unknown dataset, or a picture to look around that is not in it.
    """
    counted = _counted(request.dataset)
    by_category = request.order == BY_CATEGORY
    offset = request.offset
    if request.around is not None:
        place = _sorted_place if by_category else _shuffled_place
        found = place(counted, request.around, request)
        if found is None:
            raise NotFoundError(f"The dataset {request.dataset} has no image {request.around}.")
        offset = found // request.limit * request.limit
    ids = _sorted(counted, offset, request) if by_category else _shuffled(counted, offset, request)
    images = image_summaries(ids)
    return {
        "total": counted.total,
        "offset": offset,
        "pictures": [images[pk] for pk in ids if pk in images],
        "categories": _starts(counted) if by_category else [],
    }


def _counted(slug: str) -> _Counted:
    dataset: Any = annotate_id_range(Dataset.objects.all()).called(slug)
    rows = list(Category.objects.filter(dataset=dataset).order_by("name").values_list("name", "images"))
    total = sum(images for _, images in rows)
    return _Counted(dataset, dataset.first_image or 0, dataset.last_image or 0, rows, total)


def _starts(counted: _Counted) -> list[CategoryStartAnswer]:
    """Return each category with the place of its first picture."""
    starts = accumulate((images for _, images in counted.categories), initial=0)
    return [
        {"name": name, "start": start, "images": images}
        for (name, images), start in zip(counted.categories, starts, strict=False)
    ]


def _sorted(counted: _Counted, offset: int, request: WindowRequest) -> list[int]:
    """Return the ids of a window in the order of categories, counting through no category but its first."""
    for category in _starts(counted):
        inside = offset - category["start"]
        if inside < category["images"]:
            rows = Image.objects.filter(dataset=counted.dataset, category__gte=category["name"])
            ids = rows.order_by("category", "pk").values_list("pk", flat=True)
            return list(ids[inside : inside + request.limit])
    return []


def _sorted_place(counted: _Counted, around: int, request: WindowRequest) -> int | None:
    images = Image.objects.filter(dataset=counted.dataset)
    name = images.filter(pk=around).values_list("category", flat=True).first()
    start = next((row["start"] for row in _starts(counted) if row["name"] == name), None)
    if start is None:
        return None
    before: int = images.filter(category=name, pk__lt=around).count()
    return start + before


def _shuffled(counted: _Counted, offset: int, request: WindowRequest) -> list[int]:
    shown: list[int] = _order(counted, request.seed)[offset : offset + request.limit].tolist()
    return shown


def _shuffled_place(counted: _Counted, around: int, request: WindowRequest) -> int | None:
    places = np.flatnonzero(_order(counted, request.seed) == around)
    return int(places[0]) if len(places) else None


def _order(counted: _Counted, seed: int) -> Ids:
    """Return all ids in the order of a seed."""
    return _orders.get(counted.dataset, lambda _: shuffled(_known_ids(counted), seed), seed)


def _known_ids(counted: _Counted) -> Ids:
    """Return all ids, ascending; where none is missing between the first and the last nothing is read."""
    if counted.last - counted.first + 1 == counted.total:
        return np.arange(counted.first, counted.last + 1)
    # when images came back, what is known may lack some in its midst
    return _ids.get(counted.dataset, lambda known: _current_ids(counted, known), counted.dataset.restorations)


def _current_ids(counted: _Counted, known: Ids | None) -> Ids:
    """Return known ids with those that came since, or all read anew when some went.

    With [1, 2, 4] known and ids settled at once: [1, 2, 4, 5] of four pictures is known and the new one; of
    three pictures, 1, 2 or 4 is gone.
    """
    if known is not None and len(known) > UNSETTLED:
        settled = known[:-UNSETTLED]
        ids = np.concatenate([settled, _read_ids(counted.dataset, int(settled[-1]))])
        if len(ids) == counted.total:
            return ids
    return _read_ids(counted.dataset, 0)


def _read_ids(dataset: Dataset, after: int) -> Ids:
    rows = Image.objects.filter(dataset=dataset, pk__gt=after).order_by("pk").values_list("pk", flat=True)
    return np.fromiter(rows.iterator(chunk_size=READ_ROWS), dtype=np.int64)


def forget() -> None:
    """Drop every remembered list of ids."""
    _ids.clear()
    _orders.clear()
