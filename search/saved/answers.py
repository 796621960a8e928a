"""What is answered of saved searches, as plain values."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypedDict

from django.urls import reverse

from search.models import SavedSearch
from search.saved.collections import New
from search.saved.rows import Viewer


class SavedSearchAnswer(TypedDict):
    """A search that was saved under a name."""

    id: int
    name: str
    mine: Annotated[bool, "Whether it is of who asks."]
    owner: Annotated[str | None, "Whose it is; null for who is not signed in."]
    shared: Annotated[bool, "Whether everybody who may search here sees it."]
    document: Annotated[dict[str, Any], "The query document."]
    url: Annotated[str | None, "Of the page that shows it as it was saved; null where no page can."]
    images_url: Annotated[str, "Of the page that shows its images as a collection."]
    created_at: datetime
    seen_at: Annotated[datetime | None, "When its owner saw it last; null for others."]


class NewAnswer(TypedDict):
    """How many images came to a saved search since its owner saw it."""

    id: int
    new: Annotated[int | None, "Null where that was not counted."]
    many: Annotated[bool, "Whether there are more than are counted, or too many to look through in time."]
    problem: Annotated[str | None, "Why it finds nothing any more, as where an example was deleted."]


class NewsAnswer(TypedDict):
    """How many images came to one's own saved searches."""

    counts: list[NewAnswer]


class CollectionAnswer(TypedDict):
    """The images that a saved search has now."""

    images: Annotated[list[int], "Their ids, best first or newest first."]
    more: Annotated[bool, "Whether it has others."]


def saved_answer(row: SavedSearch, who: Viewer) -> SavedSearchAnswer:
    """Return a saved search as plain values."""
    mine = who.owns(row)
    known = who.account is None or who.owner is not None
    return {
        "id": row.pk,
        "name": row.name,
        "mine": mine,
        "owner": row.owner.get_username() if known else None,
        "shared": row.shared,
        "document": row.document,
        "url": page_of(row),
        "images_url": reverse("search:collection", args=[row.pk]),
        "created_at": row.created_at,
        "seen_at": row.seen_at if mine else None,
    }


def page_of(row: SavedSearch) -> str | None:
    """Return the address of the page that shows a saved search, None where no page can."""
    return f"{reverse('search:live')}{row.address}" if row.address else None


def new_answer(row: SavedSearch, new: New) -> NewAnswer:
    """Return the count of a saved search as plain values."""
    return {"id": row.pk, "new": new.count, "many": new.many, "problem": new.problem or None}
