"""How many of the images that a filter finds have which label, format and so on, as far as time allows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Final, TypedDict

from django.db import OperationalError, connection, transaction
from django.db.models import Case, CharField, Count, Sum, Value, When

from gallery.browse.where import EVERY_IMAGE, ORIENTATIONS, Rows, Where
from gallery.models import Category, Dataset, Image

ALLOWED_MS = 250
MOST_VALUES = 20
FIELDS: Final = ("label", "dataset", "format", "orientation")
_COLUMNS = {"label": "category", "dataset": "dataset__slug", "format": "format", "orientation": "shape"}
STEPS = 1_000  # of SQLite's machine between two looks at the clock


class FacetCount(TypedDict):
    """A value of a field, and how many images have it."""

    value: Annotated[str, "Empty for those without."]
    count: int


class FacetAnswer(TypedDict):
    """The values of a field among the images that a filter finds, most frequent first."""

    field: str
    counts: list[FacetCount]
    more: Annotated[bool, "Whether there are other values."]
    timed_out: Annotated[bool, "Whether there are so many images that counting was given up."]


class TooSlowError(Exception):
    """A query was given up."""


def facets(where: Where, datasets: Sequence[str]) -> list[FacetAnswer]:
    """Return the facets of what a filter finds in datasets (slugs), of all when none is named.

    All of them together have `ALLOWED_MS`; what is not counted by then says so. Raises: NotFoundError for a
    dataset.
    """
    found = [Dataset.objects.called(slug) for slug in datasets]
    ends = time.monotonic() + ALLOWED_MS / 1000
    return [_facet(field, where, found, ends) for field in FIELDS]


def _facet(field: str, where: Where, datasets: list[Dataset], ends: float) -> FacetAnswer:
    try:
        with within(ends - time.monotonic()):
            rows = _counted(field, where, datasets)
    except TooSlowError:
        return {"field": field, "counts": [], "more": True, "timed_out": True}
    counts: list[FacetCount] = [{"value": value, "count": count} for value, count in rows[:MOST_VALUES]]
    return {"field": field, "counts": counts, "more": len(rows) > MOST_VALUES, "timed_out": False}


def _counted(field: str, where: Where, datasets: list[Dataset]) -> list[tuple[str, int]]:
    if where == EVERY_IMAGE and field in ("label", "dataset"):
        return _kept_counts(field, datasets)
    rows: Rows = Image.objects.filter(dataset__in=datasets or Dataset.objects.all())
    rows = where.found(rows)
    if field == "orientation":
        shapes = [When(condition, then=Value(name)) for name, condition in ORIENTATIONS.items()]
        rows = rows.annotate(shape=Case(*shapes, output_field=CharField()))
    column = _COLUMNS[field]
    counted = rows.order_by().values_list(column).annotate(n=Count("pk")).order_by("-n", column)
    return list(counted[: MOST_VALUES + 1])


def _kept_counts(field: str, datasets: list[Dataset]) -> list[tuple[str, int]]:
    """Return counts that the database keeps of all images by label and dataset."""
    column = "name" if field == "label" else "dataset__slug"
    kept = Category.shown.filter(images__gt=0)
    if datasets:
        kept = kept.filter(dataset__in=datasets)
    counted = kept.order_by().values_list(column).annotate(n=Sum("images")).order_by("-n", column)
    return list(counted[: MOST_VALUES + 1])


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give up what is asked of the database inside after so long. Raises: TooSlowError."""
    if seconds <= 0:
        raise TooSlowError
    if connection.vendor == "sqlite":
        yield from _within_of_sqlite(seconds)
    else:
        yield from _within_of_postgresql(seconds)


def _within_of_sqlite(seconds: float) -> Iterator[None]:
    ends = time.monotonic() + seconds
    connection.ensure_connection()
    database = connection.connection
    database.set_progress_handler(lambda: time.monotonic() > ends, STEPS)
    try:
        yield
    except OperationalError as error:
        if "interrupted" in str(error):
            raise TooSlowError from error
        raise
    finally:
        database.set_progress_handler(None, 0)


def _within_of_postgresql(seconds: float) -> Iterator[None]:
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{seconds * 1000:.0f}"])
            yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) == "57014":  # query_canceled
            raise TooSlowError from error
        raise
