"""Hides images and shows them again: a mark on the row, and what hangs on it told in the same transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal, TypeAlias

from django.db import transaction
from django.db.models import F

from gallery import signals
from gallery.models import DOOMED, Dataset, Image

CHUNK = 500

# why an image is hidden; it may be for both reasons
Mark: TypeAlias = Literal["deleted_at", "missing_since"]


def hide(image_ids: Iterable[int], mark: Mark, at: datetime) -> list[Image]:
    """Hide images; returns those that did not have the mark, with their datasets."""
    return [image for ids in chunks(image_ids) for image in _hide(ids, mark, at)]


def show(image_ids: Iterable[int], mark: Mark) -> list[Image]:
    """Take a mark off images; returns those that had it. One that bears the other mark stays hidden."""
    return [image for ids in chunks(image_ids) for image in _show(ids, mark)]


def chunks(image_ids: Iterable[int]) -> Iterator[list[int]]:
    """Yield ids in pieces that one transaction takes."""
    ids = list(image_ids)
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))


@transaction.atomic
def _hide(ids: list[int], mark: Mark, at: datetime) -> list[Image]:
    unmarked = Image.everything.filter(pk__in=ids, **{mark: None}).select_related("dataset").order_by("pk")
    rows = list(unmarked)
    for dataset_id, image_ids in _by_dataset(row for row in rows if row.is_shown).items():
        signals.images_hidden.send(Image, dataset_id=dataset_id, image_ids=image_ids)
    Image.everything.filter(pk__in=[row.pk for row in rows]).update(**{mark: at})
    return rows


@transaction.atomic
def _show(ids: list[int], mark: Mark) -> list[Image]:
    marked = Image.everything.filter(pk__in=ids, **{f"{mark}__isnull": False})
    marked = marked.exclude(sha256__startswith=DOOMED)
    rows = list(marked.select_related("dataset").order_by("pk"))
    for row in rows:
        setattr(row, mark, None)
    for dataset_id, image_ids in _by_dataset(row for row in rows if row.is_shown).items():
        signals.images_shown.send(Image, dataset_id=dataset_id, image_ids=image_ids)
        # whoever remembers ids may think that only greater ones come in
        Dataset.everything.filter(pk=dataset_id).update(restorations=F("restorations") + 1)
    Image.everything.filter(pk__in=[row.pk for row in rows]).update(**{mark: None})
    return rows


def _by_dataset(rows: Iterable[Image]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        found[row.dataset_id].append(row.pk)
    return found
