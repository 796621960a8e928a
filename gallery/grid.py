"""All pictures of a dataset in a shuffled or sorted order that stays, read window by window."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db.models import Count, Max, QuerySet, Sum
from numpy.typing import NDArray

from gallery.errors import NotFoundError
from gallery.models import Dataset, Image
from gallery.pictures import described_pictures

RANDOM, BY_CATEGORY = ORDERS = ("random", "category")
# how many lists of ids are remembered: 8 bytes a picture each
REMEMBERED = 32
READ_ROWS = 10_000

Ids = NDArray[np.int64]
Signature = tuple[object, ...]
# a dataset's key may return after a restored backup, with other pictures: the date tells them apart
Key = tuple[int, datetime, str]


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


_remembered: OrderedDict[Key, tuple[Signature, Ids]] = OrderedDict()
_remembering = threading.Lock()


def window(request: WindowRequest) -> dict[str, Any]:
    """Return one window of a dataset's pictures, as plain values, without reading those before it.

    `categories` say where each begins; a random order has none.
    Raises: NotFoundError for an unknown dataset, or a picture to look around that is not in it.
    """
    dataset = Dataset.objects.filter(slug=request.dataset).first()
    if dataset is None:
        raise NotFoundError(f"There is no dataset called {request.dataset}.")
    categories: list[dict[str, Any]] = []
    if request.order == BY_CATEGORY:
        ids, categories = _sorted(dataset)
    else:
        ids = _shuffled(dataset, request.seed)
    offset = request.offset if request.around is None else _offset_around(ids, request)
    shown = ids[offset : offset + request.limit].tolist()
    pictures = described_pictures(shown)
    return {
        "total": len(ids),
        "offset": offset,
        "pictures": [pictures[pk] for pk in shown if pk in pictures],
        "categories": categories,
    }


def _offset_around(ids: Ids, request: WindowRequest) -> int:
    found = np.flatnonzero(ids == request.around)
    if not len(found):
        raise NotFoundError(f"The dataset {request.dataset} has no picture {request.around}.")
    return int(found[0]) // request.limit * request.limit


def _shuffled(dataset: Dataset, seed: int) -> Ids:
    images = dataset.images.order_by("pk")
    # ids only grow: no other set of pictures has this number and this last one
    state = images.aggregate(images=Count("pk"), last_id=Max("pk"))
    key = (dataset.pk, dataset.created_at, RANDOM)
    ids = _remembered_ids(key, tuple(state.values()), state["images"], images)
    # shuffled anew for each window: 3 ms for 200,000 pictures, and the seeds of visitors fill no memory
    return np.random.default_rng(seed).permutation(ids)


def _sorted(dataset: Dataset) -> tuple[Ids, list[dict[str, Any]]]:
    images = dataset.images.order_by("category", "pk")
    # the sum tells when two pictures have swapped their labels
    groups = list(
        dataset.images.order_by("category")
        .values_list("category")
        .annotate(images=Count("pk"), last_id=Max("pk"), sum_of_ids=Sum("pk"))
    )
    categories, start = [], 0
    for name, count, *_ in groups:
        categories.append({"name": name, "start": start, "images": count})
        start += count
    key = (dataset.pk, dataset.created_at, BY_CATEGORY)
    return _remembered_ids(key, tuple(groups), start, images), categories


def _remembered_ids(key: Key, signature: Signature, total: int, images: QuerySet[Image]) -> Ids:
    """Return the ids remembered under this signature, or read them; the longest unused are forgotten."""
    with _remembering:
        found = _remembered.get(key)
        if found is not None and found[0] == signature:
            _remembered.move_to_end(key)
            return found[1]
    rows = images.values_list("pk", flat=True)
    ids = np.fromiter(rows.iterator(chunk_size=READ_ROWS), dtype=np.int64)
    # else pictures came or went since the signature was made, and the next window reads again
    if len(ids) == total:
        with _remembering:
            _remembered[key] = (signature, ids)
            _remembered.move_to_end(key)
            while len(_remembered) > REMEMBERED:
                _remembered.popitem(last=False)
    return ids


def forget() -> None:
    """Drop every remembered order."""
    with _remembering:
        _remembered.clear()
