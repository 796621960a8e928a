"""Changes what is known of stored images: labels, and what other systems know them by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from gallery.access import audit
from gallery.errors import NotFoundError
from gallery.ingest.storing import DuplicateError
from gallery.models import Dataset, Image

AT_ONCE = 10_000  # images that one request may change or delete
CHANGEABLE = ("category", "external_id", "metadata")
NAMED = 20  # images that the audit tells by name; of others it has the numbers


@dataclass(frozen=True)
class KnownAs:
    """What another system knows an image by (None: nothing), and what else it knows of it, by name."""

    external_id: str | None = None
    metadata: dict[str, object] = field(default_factory=dict)


@transaction.atomic
def change(image: Image, changes: dict[str, Any]) -> Image:
    """Change `category`, `external_id` or `metadata` of an image, those that are given; returns it.

    Raises: NotFoundError for one that was deleted meanwhile; DuplicateError for an external id that another
    image of its dataset has.
    """
    before: dict[str, object] | None
    before = Image.objects.filter(pk=image.pk).values(*CHANGEABLE).first()
    if before is None:
        raise NotFoundError(f"There is no image {image.pk}; it has been deleted.")
    for name, value in changes.items():
        setattr(image, name, value)
    _store(image, changes)
    changed = {
        name: {"before": before[name], "after": value}
        for name, value in changes.items()
        if before[name] != value
    }
    if label := changed.pop("category", None):
        audit.record("image.label", image, **label)
    if changed:
        audit.record("image.describe", image, **changed)
    return image


def describe(image: Image, known_as: KnownAs) -> None:
    """Store what is known of a new image. Raises: DuplicateError."""
    image.external_id, image.metadata = known_as.external_id, known_as.metadata
    _store(image, vars(known_as))


def _store(image: Image, changes: dict[str, Any]) -> None:
    # by a query of its own: two that come at once meet at the constraint
    if image.external_id is not None and "external_id" in changes:
        _require_free(image)
    try:
        with transaction.atomic():
            there = Image.objects.filter(pk=image.pk).update(**changes) if changes else 1
    except IntegrityError:
        _require_free(image)
        raise
    if not there:
        raise NotFoundError(f"There is no image {image.pk}; it has been deleted.")


def _require_free(image: Image) -> None:
    """Raise DuplicateError where another image of the dataset has the external id."""
    others = Image._base_manager.filter(dataset=image.dataset_id, external_id=image.external_id)
    other = others.exclude(pk=image.pk).first()
    if other is not None:
        raise DuplicateError(
            f"Image {other.pk} of this dataset has the external id {image.external_id} already.", other.pk
        )


def label_images(found: QuerySet[Image], category: str) -> tuple[int, int]:
    """Give images another label, "" for none; returns how many it has changed, and how many are left.

    At most `AT_ONCE` are changed: who asks again changes the rest.
    """
    others = found.exclude(category=category)
    with transaction.atomic():
        rows = list(others.select_related("dataset").order_by("pk")[:AT_ONCE])
        for start in range(0, len(rows), 500):
            Image.objects.filter(pk__in=[row.pk for row in rows[start : start + 500]]).update(
                category=category
            )
        _record(rows, category)
    return len(rows), others.count() if len(rows) == AT_ONCE else 0


def _record(rows: Sequence[Image], category: str) -> None:
    for dataset in {row.dataset_id: row.dataset for row in rows}.values():
        own = [row for row in rows if row.dataset_id == dataset.pk]
        before = {row.pk: row.category for row in own[:NAMED]}
        target: Image | Dataset = own[0] if len(own) == 1 else dataset
        audit.record(
            "image.label", target, before=before, after=category, more=[row.pk for row in own[NAMED:]]
        )
