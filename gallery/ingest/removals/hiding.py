"""Hides images and shows them again: a mark on the row, and what hangs on it told in the same transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeAlias

from django.db import transaction
from django.db.models import F, QuerySet

from gallery import signals
from gallery.models import DOOMED, Dataset, Image
from gallery.system.concurrency.conflicts import OvertakenError

CHUNK = 500

# why an image is hidden; it may be for both reasons
Mark: TypeAlias = Literal["deleted_at", "missing_since"]


def hide(image_ids: Iterable[int], mark: Mark, at: datetime) -> list[Image]:
    """Hide images; returns those that did not have the mark, with their datasets. Raises: OvertakenError."""
    return [image for ids in chunks(image_ids) for image in _hide(ids, mark, at)]


def show(image_ids: Iterable[int], mark: Mark) -> list[Image]:
    """Take a mark off images; returns those that had it. One that bears the other mark stays hidden.

    Raises: OvertakenError.
    """
    return [image for ids in chunks(image_ids) for image in _show(ids, mark)]


def chunks(image_ids: Iterable[int]) -> Iterator[list[int]]:
    """Yield ids in pieces that one transaction takes."""
    ids = list(image_ids)
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))


@transaction.atomic
def _hide(ids: list[int], mark: Mark, at: datetime) -> list[Image]:
    unmarked = Image.everything.filter(**{mark: None})
    rows = list(unmarked.filter(pk__in=ids).select_related("dataset").order_by("pk"))
    for dataset_id, image_ids in _by_dataset(row for row in rows if row.is_shown).items():
        signals.images_hidden.send(Image, dataset_id=dataset_id, image_ids=image_ids)
    _write(unmarked, rows, {mark: at})
    return rows


@transaction.atomic
def _show(ids: list[int], mark: Mark) -> list[Image]:
    marked = Image.everything.filter(**{f"{mark}__isnull": False}).exclude(sha256__startswith=DOOMED)
    rows = list(marked.filter(pk__in=ids).select_related("dataset").order_by("pk"))
    for row in rows:
        setattr(row, mark, None)
    for dataset_id, image_ids in _by_dataset(row for row in rows if row.is_shown).items():
        signals.images_shown.send(Image, dataset_id=dataset_id, image_ids=image_ids)
        # whoever remembers ids may think that only greater ones come in
        Dataset.everything.filter(pk=dataset_id).update(restorations=F("restorations") + 1)
    _write(marked, rows, {mark: None})
    return rows


def _write(wanted: QuerySet[Image], rows: Sequence[Image], marks: Mapping[str, datetime | None]) -> None:
    """Write the marks of rows that are still as they were read. Raises: OvertakenError."""
    # nobody holds these rows before: indexes come first, see `gallery.system.concurrency.held_rows`
    if wanted.filter(pk__in=[row.pk for row in rows]).update(**marks) != len(rows):
        raise OvertakenError("Images were hidden, shown or removed in this moment.")


def _by_dataset(rows: Iterable[Image]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        found[row.dataset_id].append(row.pk)
    return found
