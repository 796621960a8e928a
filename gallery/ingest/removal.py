"""Takes pictures and datasets away, with their files and all that hangs on them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from functools import partial

from django.core.files.storage import default_storage
from django.db import transaction

from gallery import signals
from gallery.access import audit
from gallery.models import Dataset, Image
from gallery.system.storage import storage_errors

logger = logging.getLogger(__name__)

CHUNK = 500
NAMED = 20  # images that the audit tells by name; of others it has the numbers


def remove_images(image_ids: Iterable[int]) -> int:
    """Delete these pictures; returns how many there were. Files go once the rows are gone for good."""
    return sum(_remove_chunk(chunk, audited=True) for chunk in _chunks(image_ids))


def remove_dataset(dataset: Dataset) -> None:
    """Delete a dataset and everything in it.

    Its entry in the audit comes first: a deletion that breaks off half-way has been asked for all the same.
    """
    ids = list(dataset.images.values_list("pk", flat=True))
    audit.record("dataset.delete", dataset, images=len(ids))
    for chunk in _chunks(ids):
        _remove_chunk(chunk, audited=False)
    dataset.delete()


def _chunks(image_ids: Iterable[int]) -> Iterator[list[int]]:
    ids = list(image_ids)
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))


@transaction.atomic
def _remove_chunk(ids: list[int], *, audited: bool) -> int:
    rows = list(Image.objects.filter(pk__in=ids).select_related("dataset"))
    for dataset in {row.dataset for row in rows}:
        gone = [row for row in rows if row.dataset_id == dataset.pk]
        if audited:
            audit.record(
                "image.delete",
                gone[0] if len(gone) == 1 else dataset,
                images={row.pk: row.filename for row in gone[:NAMED]},
                more=[row.pk for row in gone[NAMED:]],
            )
        signals.images_removed.send(Image, dataset_id=dataset.pk, image_ids=[row.pk for row in gone])
    Image.objects.filter(pk__in=[row.pk for row in rows]).delete()
    names = [str(file.name) for row in rows for file in (row.file, row.thumbnail) if file]
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
