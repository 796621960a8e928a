"""Takes images away for good, with their files and all that hangs on them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from functools import partial

from django.core.files.storage import default_storage
from django.db import transaction

from gallery import signals
from gallery.access import audit
from gallery.models import Image
from gallery.system.conflicts import repeated
from gallery.system.held_rows import locked
from gallery.system.storage import storage_errors

logger = logging.getLogger(__name__)

CHUNK = 500
NAMED = 20  # images that the audit tells by name; of others it has the numbers


def remove_images(image_ids: Iterable[int], *, audited: bool = True) -> int:
    """Delete these images; returns how many there were. Files go once the rows are gone for good."""
    return sum(repeated(partial(_remove_chunk, chunk, audited=audited)) for chunk in _chunks(image_ids))


def _chunks(image_ids: Iterable[int]) -> Iterator[list[int]]:
    ids = list(image_ids)
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))


def _remove_chunk(ids: list[int], *, audited: bool) -> int:
    """Delete images in the caller's transaction.

    Everybody takes the rows of a dataset in one order: indexes, images, what hangs on images, the dataset.
    """
    # of all images, whatever lists show
    there = Image._base_manager.filter(pk__in=ids)
    datasets = sorted(set(there.values_list("dataset", flat=True)))
    for dataset in datasets:
        gone = list(there.filter(dataset=dataset).order_by("pk").values_list("pk", flat=True))
        signals.images_removed.send(Image, dataset_id=dataset, image_ids=gone)
    rows = list(there.filter(pk__in=locked(there)).select_related("dataset").order_by("pk"))
    if audited:
        _record(rows)
    there.filter(pk__in=[row.pk for row in rows]).delete()
    names = [str(file.name) for row in rows for file in (row.file, row.thumbnail) if file]
    transaction.on_commit(partial(_delete_files, names))
    return len(rows)


def _record(rows: list[Image]) -> None:
    for dataset in {row.dataset_id: row.dataset for row in rows}.values():
        gone = [row for row in rows if row.dataset_id == dataset.pk]
        audit.record(
            "image.delete",
            gone[0] if len(gone) == 1 else dataset,
            images={row.pk: row.filename for row in gone[:NAMED]},
            more=[row.pk for row in gone[NAMED:]],
        )


def _delete_files(names: list[str]) -> None:
    for name in names:
        try:
            with storage_errors():
                default_storage.delete(name)
        except OSError:
            # the rows are gone and the picture is never found again; `verify --repair` removes the file
            logger.exception("Could not delete %s", name)
