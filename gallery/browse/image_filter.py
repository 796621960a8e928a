"""Which images are asked for: by dataset, label, and what other systems know them by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.db.models.fields.json import KeyTransform

from gallery.browse.labelled import labelled
from gallery.browse.where import in_collection
from gallery.models import Image


@dataclass(frozen=True)
class ImageFilter:
    """What images must have to be found; None, or nothing, for whatever there is.

    `label` is "" for those without one; of `metadata` they need each of these keys with this value.
    `saved` is the number of a saved search that finds them.
    """

    dataset: str | None = None
    label: str | None = None
    external_id: str | None = None
    sha256: str | None = None
    filename: str | None = None
    metadata: dict[str, Any] | None = None
    ids: tuple[int, ...] | None = None
    saved: int | None = None

    def found(self, rows: QuerySet[Image]) -> QuerySet[Image]:
        """Return those of some images that are asked for."""
        columns = {
            "dataset__slug": self.dataset,
            "external_id": self.external_id,
            "sha256": self.sha256,
            "filename": self.filename,
            "pk__in": self.ids,
        }
        rows = rows.filter(**{name: value for name, value in columns.items() if value is not None})
        if self.label is not None:
            rows = labelled(rows, self.label)
        if self.saved is not None:
            rows = in_collection(self.saved).found(rows)
        for number, (key, value) in enumerate((self.metadata or {}).items()):
            # by a name of ours: a key of theirs may hold what Django takes for a lookup
            name = f"metadata_{number}"
            rows = rows.alias(**{name: KeyTransform(key, "metadata")}).filter(**{name: value})
        return rows
