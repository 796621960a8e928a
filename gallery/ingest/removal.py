"""Takes pictures and datasets away, with their files and all that hangs on them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial

from django.core.files.storage import default_storage
from django.db import transaction

from gallery import signals
from gallery.models import Dataset, Image
from gallery.system.storage import storage_errors

logger = logging.getLogger(__name__)

CHUNK = 500


def remove_images(image_ids: Iterable[int]) -> int:
    """Delete these pictures; returns how many there were. Files go once the rows are gone for good."""
    ids = list(image_ids)
    return sum(_remove_chunk(ids[start : start + CHUNK]) for start in range(0, len(ids), CHUNK))


def remove_dataset(dataset: Dataset) -> None:
    """Delete a dataset and everything in it."""
    remove_images(dataset.images.values_list("pk", flat=True))
    dataset.delete()


@transaction.atomic
def _remove_chunk(ids: list[int]) -> int:
    rows = list(Image.objects.filter(pk__in=ids).values_list("pk", "dataset_id", "file", "thumbnail"))
    for dataset_id in {row[1] for row in rows}:
        gone = [row[0] for row in rows if row[1] == dataset_id]
        signals.images_removed.send(Image, dataset_id=dataset_id, image_ids=gone)
    Image.objects.filter(pk__in=[row[0] for row in rows]).delete()
    names = [name for row in rows for name in row[2:] if name]
    transaction.on_commit(partial(_delete_files, names))
    return len(rows)


def _delete_files(names: list[str]) -> None:
    for name in names:
        try:
            with storage_errors():
                default_storage.delete(name)
        except OSError:
            # the rows are gone and the picture is never found again; `verify --repair` removes the file
            logger.exception("Could not delete %s", name)
