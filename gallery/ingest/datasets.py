"""Stores datasets and the labels of images, each change with its entry in the audit."""

from __future__ import annotations

from django.db import transaction

from gallery.access import audit
from gallery.errors import NotFoundError
from gallery.models import Dataset, Image

NAMES = ("slug", "name")
COLUMNS = (*NAMES, "description")


@transaction.atomic
def save(dataset: Dataset) -> Dataset:
    """Store a new or changed dataset; returns it. Raises: NotFoundError for one deleted meanwhile."""
    if dataset.pk is None:
        dataset.save()
        audit.record("dataset.create", dataset)
        return dataset
    before = Dataset.objects.select_for_update().filter(pk=dataset.pk).values(*COLUMNS).first()
    if before is None:
        raise NotFoundError(f"There is no dataset called {dataset.slug}; it may have been deleted.")
    dataset.save(update_fields=COLUMNS)
    changed = {
        column: {"before": before[column], "after": getattr(dataset, column)}
        for column in COLUMNS
        if before[column] != getattr(dataset, column)
    }
    if changed:
        renamed = bool(changed.keys() & NAMES)
        audit.record("dataset.rename" if renamed else "dataset.describe", dataset, **changed)
    return dataset


@transaction.atomic
def label(image: Image, category: str) -> None:
    """Give an image another label, "" for none."""
    before = Image.everything.values_list("category", flat=True).get(pk=image.pk)
    image.category = category
    image.save(update_fields=["category"])
    if before != category:
        audit.record("image.label", image, before=before, after=category)
