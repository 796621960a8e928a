"""Changes what is known of stored images: labels, and what other systems know them by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from gallery.access import audit
from gallery.errors import NotFoundError, SemsearchError
from gallery.models import Dataset, FurtherCategory, Image

AT_ONCE = 10_000  # images that one request may change or delete
CHUNK = 500
NAMED = 20  # images that the audit tells by name; of others it has the numbers


class ExternalIdTakenError(SemsearchError):
    """Another image of the dataset has the external id: the one of the number `image`."""

    code = "duplicate"
    status = 409

    def __init__(self, image: Image) -> None:
        super().__init__(f"Image {image.pk} of this dataset has the external id {image.external_id} already.")
        self.image = image.pk


@dataclass(frozen=True)
class KnownAs:
    """What another system knows an image by (None: nothing), and what else it knows of it, by name."""

    external_id: str | None = None
    metadata: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Labels:
    """The labels that images are to have: their category, "" for none at all, and further ones.

    Further ones of None are those that an image has.
    """

    category: str
    further: tuple[str, ...] | None = None

    @classmethod
    def of(cls, names: Sequence[str]) -> Labels:
        """Return all labels that an image is to have; the first is its category."""
        category, *further = dict.fromkeys(names or [""])
        return cls(category, tuple(further))

    def told(self) -> str | list[str]:
        """Return what the audit says: the label, or the list of all."""
        if self.further is None:
            return self.category
        return [name for name in (self.category, *sorted(self.further)) if name]


class Changes(TypedDict, total=False):
    """What is to change of an image; what is not there stays."""

    labels: Labels
    external_id: str | None
    metadata: dict[str, object]


@transaction.atomic
def change(image: Image, changes: Changes) -> None:
    """Change what is given of a stored image.

    Raises: NotFoundError for one that was deleted meanwhile; ExternalIdTakenError.
    """
    before = Image.objects.filter(pk=image.pk).prefetch_related("further").first()
    if before is None:
        raise NotFoundError(f"There is no image {image.pk}; it has been deleted.")
    columns: dict[str, Any] = {name: changes[name] for name in ("external_id", "metadata") if name in changes}
    for name, value in columns.items():
        setattr(image, name, value)
    _store(image, columns)
    if labels := changes.get("labels"):
        _label([before], labels)
    described = {
        name: {"before": getattr(before, name), "after": value}
        for name, value in columns.items()
        if getattr(before, name) != value
    }
    if described:
        audit.record("image.describe", image, **described)


def describe(image: Image, known_as: KnownAs) -> None:
    """Store what is known of a new image. Raises: ExternalIdTakenError."""
    image.external_id, image.metadata = known_as.external_id, known_as.metadata
    _store(image, vars(known_as))


def require_free(dataset: Dataset, external_id: str | None, sha256: str) -> None:
    """Refuse an external id that an image of the dataset has that is another file.

    Raises: ExternalIdTakenError.
    """
    for other in _having(dataset.pk, external_id).exclude(sha256=sha256)[:1]:
        raise ExternalIdTakenError(other)


def give_way(image_ids: Iterable[int]) -> None:
    """Take their external ids off images that come back from the bin where others have got them meanwhile.

    To be called in the transaction that brings them back. Of two that lay there the later one keeps it.
    """
    coming = Image.everything.filter(pk__in=image_ids, external_id__isnull=False, deleted_at__isnull=False)
    kept: set[tuple[int, str | None]] = set()
    for image in coming.order_by("-deleted_at", "-pk"):
        place = image.dataset_id, image.external_id
        if place in kept or _having(*place).exists():
            Image.everything.filter(pk=image.pk).update(external_id=None)
        kept.add(place)


def label_images(found: QuerySet[Image], labels: Labels) -> tuple[int, int]:
    """Give images other labels; returns how many it has changed, and how many are left.

    At most `AT_ONCE` are changed: who asks again changes the rest.
    """
    others = found.exclude(_has(labels))
    with transaction.atomic():
        rows = list(others.select_related("dataset").prefetch_related("further").order_by("pk")[:AT_ONCE])
        _label(rows, labels)
    return len(rows), others.count() if len(rows) == AT_ONCE else 0


def _store(image: Image, columns: dict[str, Any]) -> None:
    # by a query of its own: two that come at once meet at the constraint
    if columns.get("external_id") is not None:
        _require_free(image)
    try:
        with transaction.atomic():
            there = Image.objects.filter(pk=image.pk).update(**columns) if columns else 1
    except IntegrityError:
        _require_free(image)
        raise
    if not there:
        raise NotFoundError(f"There is no image {image.pk}; it has been deleted.")


def _require_free(image: Image) -> None:
    for other in _having(image.dataset_id, image.external_id).exclude(pk=image.pk)[:1]:
        raise ExternalIdTakenError(other)


def _having(dataset_id: int, external_id: str | None) -> QuerySet[Image]:
    """Return the image of a dataset that has an external id; what lies in the bin has given it up."""
    if external_id is None:
        return Image.everything.none()
    return Image.everything.filter(dataset=dataset_id, external_id=external_id, deleted_at=None)


def _has(labels: Labels) -> Q:
    """Return what holds for images that have these labels, all of them and no others."""
    further = FurtherCategory.objects.filter(image=OuterRef("pk"))
    right = Q(category=labels.category)
    if labels.further is None and labels.category:
        return right & ~Q(Exists(further.filter(name=labels.category)))
    right &= ~Q(Exists(further.exclude(name__in=labels.further or ())))
    for name in labels.further or ():
        right &= Q(Exists(further.filter(name=name)))
    return right


def _label(rows: Sequence[Image], labels: Labels) -> None:
    for start in range(0, len(rows), CHUNK):
        _write_labels([row.pk for row in rows[start : start + CHUNK]], labels)
    told = labels.told()
    changed = [row for row in rows if (row.category if labels.further is None else row.labels) != told]
    for dataset in {row.dataset_id: row.dataset for row in changed}.values():
        own = [row for row in changed if row.dataset_id == dataset.pk]
        _record(dataset, own, labels)


def _write_labels(ids: Sequence[int], labels: Labels) -> None:
    Image.objects.filter(pk__in=ids).update(category=labels.category)
    further = FurtherCategory.objects.filter(image__in=ids)
    if labels.further is None and labels.category:
        further.filter(name=labels.category).delete()
        return
    further.exclude(name__in=labels.further or ()).delete()
    new = [FurtherCategory(image_id=pk, name=name) for pk in ids for name in labels.further or ()]
    FurtherCategory.objects.bulk_create(new, ignore_conflicts=True)


def _record(dataset: Dataset, rows: Sequence[Image], labels: Labels) -> None:
    before = {row.pk: row.category if labels.further is None else row.labels for row in rows[:NAMED]}
    if len(rows) == 1:
        audit.record("image.label", rows[0], before=before[rows[0].pk], after=labels.told())
        return
    more = [row.pk for row in rows[NAMED:]]
    audit.record("image.label", dataset, before=before, after=labels.told(), more=more)
