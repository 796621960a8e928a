"""Which images are asked for: conditions on what is known of an image, all of which have to hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, reduce
from operator import and_, or_
from typing import Any, Final, TypeAlias

from django.db.models import F, Q, QuerySet
from django.db.models.fields.json import KeyTransform

from gallery.errors import SemsearchError
from gallery.models import FurtherCategory, Image
from gallery.words import suggestions

Value: TypeAlias = "str | int | float | bool | datetime | Collection"
Rows: TypeAlias = QuerySet[Image]

# what can be asked of each kind of field
TEXT: Final = ("any", "none", "contains", "exists")
NUMBER: Final = ("any", "none", "gte", "gt", "lte", "lt")
DATE: Final = ("gte", "gt", "lte", "lt")
OPERATORS: Final[dict[str, tuple[str, ...]]] = {
    "label": ("any", "all", "none", "exists"),
    "word": ("any", "all", "none", "exists"),
    "dataset": ("any", "none"),
    "filename": ("any", "none", "contains"),
    "external_id": TEXT,
    "format": ("any", "none"),
    "orientation": ("any", "none"),
    "width": NUMBER,
    "height": NUMBER,
    "size": NUMBER,
    "date": DATE,
    "metadata": ("any", "none", "exists", "gte", "gt", "lte", "lt"),
    "saved": ("any", "none"),
}
NUMBERS: Final = ("width", "height", "size")
ORIENTATIONS: Final = {
    "landscape": Q(width__gt=F("height")),
    "portrait": Q(width__lt=F("height")),
    "square": Q(width=F("height")),
}
_COLUMNS = {
    "id": "pk",  # nobody asks for it by name: what collections hold
    "dataset": "dataset__slug",
    "filename": "filename",
    "external_id": "external_id",
    "format": "format",
    "width": "width",
    "height": "height",
    "size": "size_bytes",
    "date": "created_at",
}


class WhereError(SemsearchError):
    """A filter asks for what there is not."""

    code = "invalid"


@dataclass(frozen=True)
class Condition:
    """A field of an image, compared with values by an operator; `key` names a field of the metadata."""

    field: str
    operator: str
    values: tuple[Value, ...]
    key: str = ""


@dataclass(frozen=True)
class Where:
    """Conditions that all have to hold, and branches of which one has to."""

    conditions: tuple[Condition, ...] = ()
    branches: tuple[Where, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether every image is found."""
        return not self.conditions and not self.branches

    @property
    def label(self) -> str | None:
        """The one label that is all that is asked for; None where more is, or something else."""
        match self:
            case Where((Condition("label", "any", (str(label),)),), ()):
                return label
        return None

    @property
    def all_conditions(self) -> list[Condition]:
        """Its own conditions and those of its branches."""
        return [*self.conditions, *(one for branch in self.branches for one in branch.all_conditions)]

    @property
    def collections(self) -> list[int]:
        """The numbers of the collections that are referred to."""
        values = (value for one in self.all_conditions for value in one.values)
        return [value.number for value in values if isinstance(value, Collection)]

    @property
    def names_files(self) -> bool:
        """Whether only images of certain file names are found, of which there are few."""
        return any(one.field == "filename" and one.operator == "any" for one in self.conditions)

    def found(self, rows: Rows, among: Sequence[int] | None = None) -> Rows:
        """Return those of some images that are asked for.

        Where the images are of some ids alone, `among` says so: only of these labels and words are looked up.
        """
        asked = _Asked(rows, among)
        chosen = asked.holding(self)
        return asked.rows.filter(chosen)


EVERY_IMAGE = Where()


@dataclass(frozen=True)
class Collection:
    """A set of images that somebody keeps under a number, as `saved:12`."""

    number: int

    @cached_property
    def where(self) -> Where:
        """What finds its images, as who asks sees it now. Raises: NotFoundError, and what a search does."""
        return _keeper[0](self.number)


_keeper: list[Callable[[int], Where]] = []


def keep_collections(resolved: Callable[[int], Where]) -> None:
    """Let a function say, for a number, which images a collection has."""
    _keeper[:] = [resolved]


def among(*ids: int) -> Where:
    """Return the filter of the images of some ids."""
    return Where((Condition("id", "any", ids),))


def in_collection(number: int) -> Where:
    """Return the filter of the images of a collection."""
    return Where((Condition("saved", "any", (Collection(number),)),))


def labelled_with(*labels: str) -> Where:
    """Return the filter of the images that have one of some labels."""
    return Where((Condition("label", "any", labels),))


class _Asked:
    """Makes conditions of the database; keys of the metadata become columns of `rows` by names of ours."""

    def __init__(self, rows: Rows, among: Sequence[int] | None) -> None:
        self.rows, self._among = rows, among
        self._keys: dict[str, str] = {}

    def holding(self, where: Where) -> Q:
        all_of = Q()
        for condition in where.conditions:
            all_of &= self._one(condition)
        one_of = Q()
        for branch in where.branches:
            one_of |= self.holding(branch)
        return all_of & one_of

    def _one(self, condition: Condition) -> Q:
        match condition.field:
            case "label":
                return self._of_labels(condition)
            case "word":
                return self._of_words(condition)
            case "orientation":
                one_of = Q()
                for value in condition.values:
                    one_of |= ORIENTATIONS[str(value)]
                return ~one_of if condition.operator == "none" else one_of
            case "metadata":
                return self._of_metadata(condition)
            case "saved":
                return self._of_collections(condition)
            case "external_id" if condition.operator == "none":  # who has none is none of them
                return Q(external_id=None) | ~Q(external_id__in=condition.values)
        return _of_column(_COLUMNS[condition.field], condition)

    def _of_collections(self, condition: Condition) -> Q:
        asked = [value.where for value in condition.values if isinstance(value, Collection)]
        one_of, every = Q(), any(where.is_open for where in asked)
        for where in asked:
            one_of |= self.holding(where)
        if condition.operator == "any":
            return Q() if every else one_of
        # by key: nothing is said of a row by denying what is compared with a column that is null
        return Q(pk__in=[]) if every else ~Q(pk__in=Where(branches=tuple(asked)).found(Image.objects.all()))

    def _of_metadata(self, condition: Condition) -> Q:
        if condition.key not in self._keys:
            # by a name of ours: a key of theirs may hold what Django takes for a lookup
            name = f"metadata_{len(self._keys)}"
            self._keys[condition.key] = name
            self.rows = self.rows.alias(**{name: KeyTransform(condition.key, "metadata")})
        column = self._keys[condition.key]
        if condition.operator == "exists":
            return Q(**{f"{column}__isnull": not condition.values[0]})
        if condition.operator in ("any", "none"):
            # not one by one: the value of an image would be looked up for each of them
            one_of = Q(**{f"{column}__in": condition.values})
            return Q(**{f"{column}__isnull": True}) | ~one_of if condition.operator == "none" else one_of
        return _of_column(column, condition)

    def _of_labels(self, condition: Condition) -> Q:
        match condition.operator:
            case "exists":
                return ~Q(category="") if condition.values[0] else Q(category="")
            case "all":
                every = Q()
                for label in condition.values:
                    every &= self._of_one_of((label,))
                return every
            case "none":
                return ~self._of_one_of(condition.values)
        return self._of_one_of(condition.values)

    def _of_words(self, condition: Condition) -> Q:
        """Return what finds images that have words, as a label of that name or as a suggestion."""
        if condition.operator == "exists":
            seen = Q(pk__in=suggestions.with_some(self._among))
            return seen if condition.values[0] else ~seen
        each = [
            self._of_one_of((word,)) | suggestions.suggested_with(str(word), among=self._among)
            for word in condition.values
        ]
        if condition.operator == "all":
            return reduce(and_, each)
        return ~reduce(or_, each) if condition.operator == "none" else reduce(or_, each)

    def _of_one_of(self, labels: tuple[Any, ...]) -> Q:
        """Return what finds the images of one of some labels; most labels are nobody's further one."""
        further = FurtherCategory.objects.filter(name__in=labels)
        if self._among is not None:
            further = further.filter(image__in=self._among)
        of_category = Q(category__in=labels)
        return of_category | Q(pk__in=further.values("image")) if further.exists() else of_category


def _of_column(column: str, condition: Condition) -> Q:
    match condition.operator:
        case "any":
            return Q(**{f"{column}__in": condition.values})
        case "none":
            return ~Q(**{f"{column}__in": condition.values})
        case "contains":
            return Q(**{f"{column}__icontains": condition.values[0]})
        case "exists":
            return Q(**{f"{column}__isnull": not condition.values[0]})
    return Q(**{f"{column}__{condition.operator}": condition.values[0]})
