"""How many of the images that a filter finds have which label, format and so on, as far as time allows."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Annotated, Any, Final, TypeAlias, TypedDict, TypeVar

from django.db import OperationalError, connection, transaction
from django.db.models import Case, CharField, Count, Sum, Value, When
from django.db.models.functions import Coalesce

from gallery.browse.where import EVERY_IMAGE, ORIENTATIONS, Rows, Where
from gallery.models import Category, Dataset, Image
from gallery.vocabulary.words import vocabulary
from gallery.words import suggestions

ALLOWED_MS = 200  # an answer has 300, and giving up takes a while
FEW = 10_000  # images that are counted however long it takes: only a busy machine takes long for them
MOST_VALUES = 20
FIELDS: Final = ("label", "dataset", "format", "orientation")
WORD: Final = "word"  # counted last: it has a table of its own
KEPT: Final = ("label", "dataset")  # the database keeps counts of all images by these
_COLUMNS = {"label": "label", "dataset": "dataset", "format": "format", "orientation": "shape"}
MOST_GROUPS = 20_000  # of images that have the same label, dataset, format and orientation
Counts: TypeAlias = list[tuple[str, int]]
Asked = TypeVar("Asked")
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
    vocabulary()  # read once a process, which is no part of the time
    counted: dict[str, Counts] = {}
    try:
        _count(counted, where, found, time.monotonic() + ALLOWED_MS / 1000)
    except TooSlowError:
        if are_few():
            _count(counted, where, found, None)
    return [_answer(field, counted.get(field)) for field in (*FIELDS, WORD)]


def _count(counted: dict[str, Counts], where: Where, datasets: list[Dataset], ends: float | None) -> None:
    """Add the counts of each field, until a monotonic time. Raises: TooSlowError."""

    def still() -> AbstractContextManager[None]:
        return nullcontext() if ends is None else within(ends - time.monotonic())

    if where == EVERY_IMAGE:
        for field in KEPT:
            with still():
                counted[field] = _kept_counts(field, datasets)
    with still():
        counted.update(_counted([field for field in FIELDS if field not in counted], where, datasets))
    with still():
        counted[WORD] = _word_counts(where, datasets)


def _answer(field: str, rows: Counts | None) -> FacetAnswer:
    if rows is None:
        return {"field": field, "counts": [], "more": True, "timed_out": True}
    counts: list[FacetCount] = [{"value": value, "count": count} for value, count in rows[:MOST_VALUES]]
    return {"field": field, "counts": counts, "more": len(rows) > MOST_VALUES, "timed_out": False}


def _counted(fields: list[str], where: Where, datasets: list[Dataset]) -> dict[str, Counts]:
    """Count all fields in one pass over what the filter finds, but labels where there are too many.

    Raises: TooSlowError.
    """
    rows: Rows = Image.objects.filter(dataset__in=datasets or Dataset.objects.all())
    shapes = [When(condition, then=Value(name)) for name, condition in ORIENTATIONS.items()]
    rows = where.found(rows).annotate(
        shape=Case(*shapes, output_field=CharField()),
        # by an expression: the index of labels would be followed for its order, row by row across the table
        label=Coalesce("category", Value("")),
    )
    columns = [_COLUMNS[field] for field in fields]
    groups = list(rows.order_by().values_list(*columns).annotate(n=Count("pk"))[: MOST_GROUPS + 1])
    if len(groups) > MOST_GROUPS:
        if "label" not in fields:
            raise TooSlowError
        return _counted([field for field in fields if field != "label"], where, datasets)
    counts = {field: Counter[Any]() for field in fields}
    for *values, count in groups:
        for field, value in zip(fields, values, strict=True):
            counts[field][value] += count
    if "dataset" in counts:
        slugs = dict(Dataset.objects.filter(pk__in=list(counts["dataset"])).values_list("pk", "slug"))
        counts["dataset"] = Counter({slugs[key]: n for key, n in counts["dataset"].items() if key in slugs})
    return {
        field: sorted(one.items(), key=lambda pair: (-pair[1], pair[0]))[: MOST_VALUES + 1]
        for field, one in counts.items()
    }


def _kept_counts(field: str, datasets: list[Dataset]) -> Counts:
    """Return counts that the database keeps of all images by label and dataset."""
    column = "name" if field == "label" else "dataset__slug"
    kept = Category.shown.filter(images__gt=0)
    if datasets:
        kept = kept.filter(dataset__in=datasets)
    counted = kept.order_by().values_list(column).annotate(n=Sum("images")).order_by("-n", column)
    return list(counted[: MOST_VALUES + 1])


def _word_counts(where: Where, datasets: list[Dataset]) -> Counts:
    """Count the classes that are seen surely enough to be shown."""
    rows = Image.objects.filter(dataset__in=datasets or Dataset.objects.all())
    asked = None if where.is_open else where.found(rows).order_by()
    return suggestions.counts(asked, datasets)[: MOST_VALUES + 1]


def asked_within(seconds: float, ask: Callable[[], Asked]) -> Asked | None:
    """Return what is asked of the database, None where that takes longer and images are not few."""
    try:
        with within(seconds):
            return ask()
    except TooSlowError:
        return ask() if are_few() else None


def are_few() -> bool:
    """Whether there are `FEW` images at most."""
    return shown_images([]) <= FEW


def shown_images(datasets: Sequence[str]) -> int:
    """Return how many images datasets (slugs) have, all where none is named: the database keeps count."""
    kept = Category.shown.filter(dataset__slug__in=datasets) if datasets else Category.shown.all()
    return int(kept.aggregate(images=Sum("images"))["images"] or 0)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give up what is asked of the database inside after so long, all together. Raises: TooSlowError."""
    ends = time.monotonic() + seconds
    limited = _limited_by_sqlite if connection.vendor == "sqlite" else _limited_by_postgresql

    def limited_execute(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        left = ends - time.monotonic()
        if left <= 0:
            raise TooSlowError
        if connection.vendor == "postgresql":
            # compiling a query cannot be interrupted, and takes as long as many a scan
            context["cursor"].cursor.execute(
                "SELECT set_config('statement_timeout', %s, true), set_config('jit', 'off', true)",
                [f"{max(1, left * 1000):.0f}"],
            )
        return execute(sql, params, many, context)

    if seconds <= 0:
        raise TooSlowError
    with limited(ends), connection.execute_wrapper(limited_execute):
        yield


@contextmanager
def _limited_by_sqlite(ends: float) -> Iterator[None]:
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


@contextmanager
def _limited_by_postgresql(ends: float) -> Iterator[None]:
    is_inside = connection.in_atomic_block  # of a transaction that goes on afterwards
    try:
        with transaction.atomic():  # in which the limits hold
            yield
            if is_inside:
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
                    cursor.execute("SET LOCAL jit TO DEFAULT")
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) == "57014":  # query_canceled
            raise TooSlowError from error
        raise
