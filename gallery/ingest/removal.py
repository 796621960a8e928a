"""Takes pictures and datasets away for good, with their files and all that hangs on them.

Rows are hidden first, then the files go, then the rows: what breaks off in between is a hidden row, which is
removed when this is asked again, and never a file that nobody knows of.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from gallery import signals
from gallery.access import audit
from gallery.ingest import hiding
from gallery.models import Dataset, Image
from gallery.system.storage import storage_errors

logger = logging.getLogger(__name__)

NAMED = 20  # images that the audit tells by name; of others it has the numbers


def remove_images(image_ids: Iterable[int], action: str = "image.delete") -> int:
    """Remove these images, hidden or not; returns how many there were. `action` is the audit's word for it.

    One whose file cannot be removed now stays in the bin, hidden, and goes when that is emptied.
    """
    return sum(_remove_chunk(chunk, action) for chunk in hiding.chunks(image_ids))


def remove_dataset(dataset: Dataset, action: str = "") -> None:
    """Remove a dataset and everything in it.

    Its entry in the audit comes first: a deletion that breaks off half-way has been asked for all the same.
    It stays while a file of it cannot be removed.
    """
    ids = list(Image.everything.filter(dataset=dataset).values_list("pk", flat=True))
    if action:
        audit.record(action, dataset, images=len(ids))
    for chunk in hiding.chunks(ids):
        _remove_chunk(chunk, "")
    if not Image.everything.filter(dataset=dataset, pk__in=ids).exists():
        dataset.delete()


def record(action: str, images: Sequence[Image]) -> None:
    """Enter into the audit what was done to images, read with their datasets: an entry for each dataset."""
    for dataset in {image.dataset for image in images}:
        own = [image for image in images if image.dataset_id == dataset.pk]
        audit.record(
            action,
            own[0] if len(own) == 1 else dataset,
            images={image.pk: image.filename for image in own[:NAMED]},
            more=[image.pk for image in own[NAMED:]],
        )


def _remove_chunk(ids: list[int], action: str) -> int:
    with transaction.atomic():
        hiding.hide(ids, "deleted_at", timezone.now())
        rows = list(Image.everything.filter(pk__in=ids).select_related("dataset"))
        if action:
            record(action, rows)
    gone = [row for row in rows if _deleted_files(row)]
    with transaction.atomic():
        for dataset_id in {row.dataset_id for row in gone}:
            own = [row.pk for row in gone if row.dataset_id == dataset_id]
            signals.images_removed.send(Image, dataset_id=dataset_id, image_ids=own)
        Image.everything.filter(pk__in=[row.pk for row in gone]).delete()
    return len(rows)


def _deleted_files(image: Image) -> bool:
    """Delete the files of an image; returns whether they are gone."""
    for file in (image.file, image.thumbnail):
        try:
            with storage_errors():
                default_storage.delete(str(file.name))
        except OSError:
            logger.exception("Could not delete %s; the bin keeps it until that can be done", file.name)
            return False
    return True
