"""Keeps the sprite sheets of each dataset: small pictures side by side that a map draws its points with."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models.signals import pre_delete
from django.dispatch import receiver
from numpy.typing import NDArray

from gallery.errors import SemsearchError, TooLargeError
from gallery.imaging import decoding, thumbnails
from gallery.imaging.decoding import ImageLimits
from gallery.imaging.types import RGB
from gallery.models import AtlasPage, Dataset, Image
from gallery.system.concurrency.cores import usable_cores
from gallery.system.home.stored_files import delete_on_commit
from gallery.system.open_datasets import DatasetClosedError, hold_open

CELL = 48  # pixels a side
COLUMNS = 32
PER_PAGE = COLUMNS * COLUMNS
HOLE = 0
MOST_IDS = 2**32
ATTEMPTS = 5  # when other jobs draw the same pages

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class SpriteSheets:
    """The pages of a dataset; cell c of them all is cell c % PER_PAGE of page c // PER_PAGE.

    `image_ids` (n,) tells the image in each cell, 0 where there is none any more.
    """

    pages: list[str]
    image_ids: Ids


def sheets_of(dataset: Dataset) -> SpriteSheets:
    """Return where the pages of a dataset are, and what is on them."""
    pages = list(dataset.atlas_pages.order_by("number"))
    held = [_ids(page) for page in pages]
    return SpriteSheets(
        [default_storage.url(str(page.file.name)) for page in pages],
        np.concatenate(held) if held else np.empty(0, dtype=np.int64),
    )


def packed_ids(dataset: Dataset) -> bytes:
    """Return the image in each cell as uint32, little endian; 0 where there is none.

    Raises: TooLargeError for image ids that take more than 32 bits.
    """
    ids = sheets_of(dataset).image_ids
    if len(ids) and ids.max() >= MOST_IDS:
        raise TooLargeError(
            f"Image {ids.max()} has a number above 2^32, which the form of the sheets cannot hold."
        )
    return ids.astype("<u4").tobytes()


def update(dataset: Dataset, report: Callable[[], None]) -> None:
    """Draw what is new, and what is gone no more; `report` is called before each page and may raise.

    The pages that are full and complete stay as they are. Safe to run twice at once: whoever is overtaken
    looks again, so that no picture is passed over and only the last page is not full.

    Raises: DatasetClosedError when the dataset is being deleted.
    """
    for _ in range(ATTEMPTS):
        if _update(dataset, report):
            break


def _update(dataset: Dataset, report: Callable[[], None]) -> bool:
    """Draw what is new or gone; returns whether that was done, and not begun by another job meanwhile."""
    there = np.fromiter(dataset.images.order_by("pk").values_list("pk", flat=True).iterator(), dtype=np.int64)
    pages = list(dataset.atlas_pages.order_by("number"))
    held = [_ids(page) for page in pages]
    new = np.setdiff1d(there, np.concatenate(held), assume_unique=False) if held else there
    for page, ids in zip(pages, held, strict=True):
        wanted = np.where(np.isin(ids, there), ids, HOLE)
        if page is pages[-1]:
            room = PER_PAGE - len(ids)
            wanted, new = np.concatenate([wanted, new[:room]]), new[room:]
        if not np.array_equal(wanted, ids):
            report()
            if not _replace(page, wanted):
                return False
    for number, start in enumerate(range(0, len(new), PER_PAGE), start=len(pages)):
        report()
        if not _add(dataset, number, new[start : start + PER_PAGE]):
            return False
    return True


@receiver(pre_delete, sender=AtlasPage)
def drop_page_file(instance: AtlasPage, **_: Any) -> None:
    """Remove a page's file with its row."""
    delete_on_commit(instance.file)


def _ids(page: AtlasPage) -> Ids:
    return np.frombuffer(bytes(page.image_ids), dtype="<i8").astype(np.int64)


def _packed(ids: Ids) -> bytes:
    return ids.astype("<i8").tobytes()


def _add(dataset: Dataset, number: int, ids: Ids) -> bool:
    page = AtlasPage(dataset=dataset, number=number, image_ids=_packed(ids))
    _write(page, ids)
    try:
        with transaction.atomic():
            hold_open(dataset)
            page.save(force_insert=True)
    except IntegrityError:
        # another job drew this page in this moment
        default_storage.delete(str(page.file.name))
        return False
    except DatasetClosedError:
        default_storage.delete(str(page.file.name))
        raise
    return True


def _replace(page: AtlasPage, ids: Ids) -> bool:
    """Put a page in the place of what it was, unless another job has done so meanwhile."""
    replaced = str(page.file.name)
    _write(page, ids)
    drawn = str(page.file.name)
    same = AtlasPage.objects.filter(pk=page.pk, file=replaced)
    changed = same.update(file=drawn, image_ids=_packed(ids))
    default_storage.delete(replaced if changed else drawn)
    return bool(changed)


def _write(page: AtlasPage, ids: Ids) -> None:
    """Give a page a file of a name never used before: what an address shows never changes."""
    page.file.save(f"{page.number}-{uuid.uuid4().hex}.webp", ContentFile(_drawn(ids)), save=False)


def _drawn(ids: Ids) -> bytes:
    """Return a page with the pictures of these images, white where there is none."""
    sheet = np.full((len(ids), CELL, CELL, 3), 255, dtype=np.uint8)
    names = dict(Image.objects.filter(pk__in=ids.tolist()).values_list("pk", "thumbnail"))
    with ThreadPoolExecutor(usable_cores(), thread_name_prefix="sprites") as pool:
        for cell, sprite in enumerate(pool.map(_sprite, _in_order(ids, names))):
            if sprite is not None:
                sheet[cell] = sprite
    return thumbnails.sprite_sheet(sheet, COLUMNS)


def _in_order(ids: Ids, names: dict[int, str]) -> Iterator[str]:
    return (names.get(pk, "") for pk in ids.tolist())


def _sprite(name: str) -> RGB | None:
    """Return a thumbnail in the size of a cell, or None where its file is lost: its point stays a point."""
    if not name:
        return None
    try:
        with default_storage.open(name) as file:
            data = file.read()
        return thumbnails.sprite(
            decoding.decode(data, ImageLimits(), shortest_side=1, longest_side=CELL), CELL
        )
    except (OSError, SemsearchError):
        return None
