"""Refuses what would be added to a dataset that is being deleted."""

from __future__ import annotations

from gallery.errors import SemsearchError
from gallery.models import Dataset
from gallery.system.concurrency.held_rows import held

CLOSED = "The dataset was deleted."


class DatasetClosedError(SemsearchError):
    """A dataset is being deleted, or is gone: nothing can be added to it."""

    code = "dataset_closed"
    status = 409


def hold_open(dataset: Dataset) -> None:
    """Keep a dataset open until the caller's transaction ends. Raises: DatasetClosedError.

    A deletion waits until then, and finds what the transaction has written.
    """
    if not held(Dataset.objects.filter(pk=dataset.pk)):
        raise DatasetClosedError(
            f"The dataset {dataset.name} has been deleted: nothing can be added to it any more. "
            "Make a dataset of that name anew, or choose another one."
        )
