"""Pages a list by primary key: as fast on the last page as on the first, and steady while rows are added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)
LARGEST_ID = 2**63 - 1  # a greater number in an address would not fit the database's integer


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows in display order, and the ids to ask for the pages beside them (None: there is none)."""

    rows: list[Row]
    after: int | None
    before: int | None


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
    found = list(rows.order_by("-pk" if descending else "pk")[: size + 1])
    more = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    if not found:
        return Page([], after=None, before=None)
    further = more if not backwards else True
    earlier = more if backwards else edge is not None
    return Page(found, after=found[-1].pk if further else None, before=found[0].pk if earlier else None)
