"""Stores datasets and the labels of images, each change with its entry in the audit."""

from __future__ import annotations

from itertools import chain, count

from django.db import transaction
from django.utils.crypto import get_random_string
from django.utils.text import slugify

from gallery.access import audit
from gallery.errors import NotFoundError
from gallery.models import Dataset, Image

NAMES = ("slug", "name")
COLUMNS = (*NAMES, "description")
SLUG_KEPT = 40  # letters of it, which a hidden dataset still shows


def hidden_slug(dataset: Dataset) -> str:
    """Return a slug that nobody will want: pages that still name the dataset can make an address of it."""
    return f"{dataset.slug[:SLUG_KEPT]}-deleted-{dataset.pk}-{get_random_string(6).lower()}"


def free_slug(name: str) -> str:
    """Return a slug made of a name, with a number where others have it: "urlaub-fotos-2026-2"."""
    wanted = slugify(name)[:SLUG_KEPT].strip("-_") or "dataset"
    taken = set(Dataset.everything.filter(slug__startswith=wanted).values_list("slug", flat=True))
    numbered = (f"{wanted}-{number}" for number in count(2))
    return next(slug for slug in chain([wanted], numbered) if slug not in taken)


@transaction.atomic
def save(dataset: Dataset) -> Dataset:
    """Store a new or changed dataset; returns it. Raises: NotFoundError for one that has been deleted."""
    if not dataset.pk:
        dataset.save(force_insert=True)
        audit.record("dataset.create", dataset)
        return dataset
    rows = Dataset.objects.filter(pk=dataset.pk)
    before = rows.values(*COLUMNS).first()
    # only what people change, and no row anew: others close and remove it meanwhile
    if before is None or not rows.update(**{column: getattr(dataset, column) for column in COLUMNS}):
        raise NotFoundError(f"The dataset {dataset.name} has been deleted.")
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
    """Give an image another label, "" for none. Raises: NotFoundError for one that was deleted meanwhile."""
    rows = Image.objects.filter(pk=image.pk)
    before = rows.values_list("category", flat=True).first()
    if before is None or not rows.update(category=category):
        raise NotFoundError(f"There is no image {image.pk}; it has been deleted.")
    image.category = category
    if before != category:
        audit.record("image.label", image, before=before, after=category)
