"""Pages a list by its keys: as fast on the last page as on the first, and steady while rows are added."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, Q, QuerySet

from gallery.models import Dataset

Row = TypeVar("Row", bound=Model)
LARGEST_ID = 2**63 - 1  # a greater number in an address would not fit the database's integer


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows in display order, and what to ask for the pages beside them with (None: there is none)."""

    rows: list[Row]
    after: int | str | None
    before: int | str | None


def asked_id(query: Mapping[str, object], name: str) -> int | None:
    """Return the id given in the address under this name, or None when absent or not an id."""
    text = str(query.get(name) or "")
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    return min(int(text), LARGEST_ID)


def page_of(
    rows: QuerySet[Row], query: Mapping[str, object], size: int, *, newest_first: bool = False
) -> Page[Row]:
    """Return the page that `?after=ID` or `?before=ID` of an address asks for, in one database query."""
    after, before = asked_id(query, "after"), asked_id(query, "before")
    backwards = after is None and before is not None
    edge = before if backwards else after
    descending = newest_first != backwards
    if edge is not None:
        rows = rows.filter(pk__lt=edge) if descending else rows.filter(pk__gt=edge)
    rows = rows.order_by("-pk" if descending else "pk")
    return _page(rows, size, lambda row: row.pk, backwards=backwards, within=edge is not None)


def datasets_by_name(query: Mapping[str, object], size: int) -> Page[Dataset]:
    """Return the page of datasets that `?after=ID:NAME` or `?before=ID:NAME` asks for, in one query."""
    after, before = asked_name(query, "after"), asked_name(query, "before")
    backwards = after is None and before is not None
    edge = before if backwards else after
    rows = Dataset.objects.order_by(*("-name", "-pk") if backwards else ("name", "pk"))
    if edge is not None:
        name, pk = edge
        # the first condition alone is what the index is entered with
        if backwards:
            rows = rows.filter(Q(name__lt=name) | Q(pk__lt=pk), name__lte=name)
        else:
            rows = rows.filter(Q(name__gt=name) | Q(pk__gt=pk), name__gte=name)
    return _page(rows, size, lambda row: f"{row.pk}:{row.name}", backwards=backwards, within=edge is not None)


def asked_name(query: Mapping[str, object], name: str) -> tuple[str, int] | None:
    """Return name and id given in the address as ID:NAME, or None when absent or not that."""
    number, _, text = str(query.get(name) or "").partition(":")
    pk = asked_id({name: number}, name)
    return None if pk is None or not text or "\0" in text else (text, pk)


def _page(
    rows: QuerySet[Row],
    size: int,
    key: Callable[[Row], int | str],
    *,
    backwards: bool,
    within: bool,
) -> Page[Row]:
    """Cut a page off ordered rows; `within`: they do not begin at an end of the list."""
    found = list(rows[: size + 1])
    more = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    if not found:
        return Page([], after=None, before=None)
    further = more if not backwards else True
    earlier = more if backwards else within
    return Page(found, after=key(found[-1]) if further else None, before=key(found[0]) if earlier else None)
