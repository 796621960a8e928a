"""Takes images away for good, with their files and all that hangs on them.

Rows are hidden first, and their SHA-256 is free for the same bytes from then on; then the files go, then the
rows. What breaks off in between is a hidden row, which never comes back and which the schedule takes up
again; never is it a file that nobody knows of.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import partial

from django.core.files.storage import default_storage
from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from gallery import signals
from gallery.access import audit
from gallery.errors import StorageAwayError
from gallery.ingest.removals import hiding
from gallery.models import DOOMED, Image
from gallery.system.concurrency.conflicts import OvertakenError, repeated
from gallery.system.concurrency.held_rows import locked
from gallery.system.home import storage_mark
from gallery.system.storage import storage_errors

logger = logging.getLogger(__name__)

NAMED = 20  # images that the audit tells by name; of others it has the numbers


def remove_images(
    image_ids: Iterable[int], *, action: str = "image.delete", hidden_only: bool = False
) -> int:
    """Remove these images, hidden or not; returns how many are gone. `action` is the audit's word, if any.

    With `hidden_only` those stay that are shown by then, as when somebody restores them in this moment. One
    whose file cannot be removed now is hidden, and goes when the schedule empties the bin.
    """
    return sum(_remove_chunk(chunk, action, hidden_only) for chunk in hiding.chunks(image_ids))


def record(action: str, images: Sequence[Image]) -> None:
    """Enter into the audit what was done to images, read with their datasets: an entry for each dataset."""
    for dataset in {image.dataset_id: image.dataset for image in images}.values():
        own = [image for image in images if image.dataset_id == dataset.pk]
        audit.record(
            action,
            own[0] if len(own) == 1 else dataset,
            images={image.pk: image.filename for image in own[:NAMED]},
            more=[image.pk for image in own[NAMED:]],
        )


def _remove_chunk(ids: list[int], action: str, hidden_only: bool) -> int:
    rows = repeated(partial(_hidden, ids, action, hidden_only))
    if not _storage_is_there():
        return 0
    return repeated(partial(_remove_rows, [row.pk for row in rows if _deleted_files(row)]))


def _hidden(ids: list[int], action: str, hidden_only: bool) -> list[Image]:
    """Hide images for good, and tell the audit of it; returns their rows."""
    wanted = Image.everything.filter(pk__in=ids)
    if hidden_only:
        wanted = wanted.exclude(deleted_at=None, missing_since=None)
    ids = list(wanted.values_list("pk", flat=True))
    hiding.hide(ids, "deleted_at", timezone.now())
    rows = list(Image.everything.filter(pk__in=ids).select_related("dataset").order_by("pk"))
    if action and (told := [row for row in rows if not row.sha256.startswith(DOOMED)]):
        record(action, told)
    doomed = Image.everything.filter(pk__in=ids, deleted_at__isnull=False)
    if doomed.update(sha256=Concat(Value(DOOMED), Cast("pk", CharField()))) != len(rows):
        raise OvertakenError("Images were shown again or removed in this moment.")
    return rows


def _remove_rows(ids: list[int]) -> int:
    """Delete rows in the caller's transaction; returns how many there were.

    Everybody takes the rows of a dataset in one order: indexes, images, what hangs on images, the dataset.
    """
    there = Image.everything.filter(pk__in=ids)
    for dataset in sorted(set(there.values_list("dataset", flat=True))):
        gone = list(there.filter(dataset=dataset).order_by("pk").values_list("pk", flat=True))
        signals.images_removed.send(Image, dataset_id=dataset, image_ids=gone)
    rows = locked(there)
    Image.everything.filter(pk__in=rows).delete()
    return len(rows)


def _storage_is_there() -> bool:
    """Whether files can go: in a storage that is away they would seem to be gone, and be back with it."""
    try:
        storage_mark.require()
    except (StorageAwayError, OSError) as error:
        logger.warning("Images are removed when the storage is back: %s", error)
        return False
    return True


def _deleted_files(image: Image) -> bool:
    """Delete the files of an image; returns whether they are gone."""
    for file in (image.file, image.thumbnail):
        try:
            with storage_errors():
                default_storage.delete(str(file.name))
        except OSError:
            logger.exception("Could not delete %s; it is tried again when the bin is emptied", file.name)
            return False
    return True
