"""What the gallery announces; it does not know who listens.

All are sent with `dataset_id: int` and `image_ids: list[int]`.
`images_added` comes after the rows are committed; a receiver that makes a job for the new images returns it.
`images_removed` comes inside the removing transaction and before the rows go, so that what hangs on them can
go with them; also where a whole dataset is removed.
`images_hidden` and `images_shown` come inside the transaction that hides images (see `gallery.shown_rows`) or
shows them again, before their rows change; `images_shown` without ids when a whole dataset is back.
`dataset_removed` is sent when the images of a dataset are gone and before its row goes, with
`dataset: Dataset` and `report: Callable[[], None]`: a receiver removes what hangs on the dataset, in
transactions of its own, and calls `report` again and again, which raises where the work is to stop. It may be
sent more than once for a dataset.
`home_upgraded` comes after an older home was migrated; a receiver queues what has to be made anew and
returns how many jobs that are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.dispatch import Signal

from gallery.models import Dataset, Image, Job

images_added = Signal()
images_removed = Signal()
images_hidden = Signal()
images_shown = Signal()
dataset_removed = Signal()
home_upgraded = Signal()


def announce_added(dataset: Dataset, images: Iterable[Image]) -> Job | None:
    """Send `images_added`; returns the job that takes them up, or None where nobody has made one."""
    ids = [image.pk for image in images]
    answers: list[tuple[Any, Any]] = images_added.send(Image, dataset_id=dataset.pk, image_ids=ids)
    return next((answer for _, answer in answers if isinstance(answer, Job)), None)


def announce_upgraded() -> int:
    """Send `home_upgraded`; returns how many jobs follow from it."""
    answers: list[tuple[Any, Any]] = home_upgraded.send(None)
    return sum(answer or 0 for _, answer in answers)
