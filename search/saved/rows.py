"""Saved searches, kept: who sees which, how one is made, renamed, shared, seen and deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from gallery.access import audit
from gallery.errors import NotFoundError, SemsearchError
from gallery.models import Image
from search.models import SavedSearch
from search.saved import kept_examples

MOST_OF_ACCOUNT = 200
MOST_KEPT_MB = 200  # of images that no dataset has
LARGEST_DOCUMENT = 500_000  # characters of its JSON: fifty vectors of a thousand numbers
MAY_DELETE = "search.delete_savedsearch"
EXAMPLES = ("like", "unlike")


class NameTakenError(SemsearchError):
    """An account has a saved search of that name."""

    code = "name_taken"
    status = 409


class TooManySavedError(SemsearchError):
    """An account has as many saved searches as it may, or keeps as much with them."""

    code = "too_many_saved"
    status = 409


class TooLargeDocumentError(SemsearchError):
    """A query document is too large to be kept."""

    code = "too_large"
    status = 413


@dataclass(frozen=True)
class Viewer:
    """Who asks: an account, a stranger without one, or a program of this machine, which sees all."""

    account: User | AnonymousUser | None

    @property
    def owner(self) -> User | None:
        """The account; None of a stranger and of a program."""
        return self.account if self.account is not None and self.account.is_authenticated else None

    def owns(self, row: SavedSearch) -> bool:
        """Whether a saved search is one's own."""
        return self.owner is not None and row.owner_id == self.owner.pk

    def deletes(self, row: SavedSearch) -> bool:
        """Whether one may delete a saved search: one's own, or one that is shared, with the permission."""
        return self.owns(row) or (self.owner is not None and self.owner.has_perm(MAY_DELETE))


def viewer() -> Viewer:
    """Return who makes the request that is answered now."""
    request = audit.request()
    return Viewer(None if request is None else request.user)


def visible_to(who: Viewer) -> QuerySet[SavedSearch]:
    """Return the saved searches that somebody sees: one's own and those that are shared, the newest first."""
    rows = SavedSearch.objects.select_related("owner")
    if who.account is None:
        return rows
    return rows.filter(Q(shared=True) if who.owner is None else Q(shared=True) | Q(owner=who.owner.pk))


def one(number: int, who: Viewer) -> SavedSearch:
    """Return a saved search. Raises: NotFoundError, also for one of others that is not shared."""
    found = visible_to(who).filter(pk=number).first()
    if found is None:
        raise NotFoundError(f"There is no saved search {number}; it may have been deleted.")
    return found


def called(name: str, who: Viewer) -> SavedSearch:
    """Return the saved search of a name or a number; one's own goes before those of others.

    Raises: NotFoundError; NameTakenError where several others have that name.
    """
    found = list(visible_to(who).filter(name=name))
    own = [row for row in found if who.owns(row)]
    if len(own or found) > 1:
        each = ", ".join(f"{row.pk} of {row.owner}" for row in found)
        raise NameTakenError(f"Several saved searches are called {name!r}: name one by its number ({each}).")
    if found:
        return (own or found)[0]
    if name.isdecimal() and len(name) < 19:
        return one(int(name), who)
    raise NotFoundError(f"There is no saved search called {name!r}.")


@dataclass(frozen=True)
class NewSearch:
    """How a search is saved: under which name, the query part of its address on the page, and for whom."""

    name: str
    address: str = ""
    shared: bool = False


def save(owner: User, wanted: NewSearch, document: Mapping[str, Any]) -> SavedSearch:
    """Keep a query document, which was validated, under a name.

    Images of it that are no stored ones are kept with it: what was uploaded ends after some hours, and what
    stands at an address may change. Raises: NameTakenError, TooManySavedError, TooLargeDocumentError; for
    such an image what `kept_examples.taken` does.
    """
    kept = {key: value for key, value in document.items() if key != "cursor"}
    examples = [one for side in EXAMPLES for one in kept.get(side) or ()]
    taken = kept_examples.taken(examples)
    for side in EXAMPLES:
        if side in kept:
            kept[side] = [taken.renamed(one) for one in kept[side] or ()]
    if len(json.dumps(kept)) > LARGEST_DOCUMENT:
        raise TooLargeDocumentError("The search is too large to be kept: give images instead of vectors.")
    with transaction.atomic():
        if SavedSearch.objects.filter(owner=owner.pk).count() >= MOST_OF_ACCOUNT:
            raise TooManySavedError(f"You have {MOST_OF_ACCOUNT} saved searches: delete one first.")
        if taken.data and kept_examples.kept_bytes(owner.pk) + taken.size_bytes > MOST_KEPT_MB * 2**20:
            raise TooManySavedError(
                f"The images that are kept with your saved searches would take more than {MOST_KEPT_MB} MB: "
                "delete one that was made with uploaded images first."
            )
        row = SavedSearch(
            owner_id=owner.pk,
            name=wanted.name,
            document=kept,
            address=taken.readdressed(wanted.address),
            shared=wanted.shared,
            seen_at=timezone.now(),
            seen_image=newest_image(),
        )
        with _free_name(row.name):
            row.save(force_insert=True)
        taken.keep(row)
        audit.record("search.save", row, shared=row.shared)
    return row


def change(
    row: SavedSearch, *, name: str | None = None, shared: bool | None = None, seen: bool = False
) -> None:
    """Rename a saved search, show it to everybody or to its owner alone, and note that the owner looks at it.

    What is not given stays. Raises: NameTakenError; NotFoundError for one that was deleted meanwhile.
    """
    changes: dict[str, Any] = {}
    with transaction.atomic():
        if name is not None and name != row.name:
            before, row.name = row.name, name
            audit.record("search.rename", row, before=before, after=name)
            changes["name"] = name
        if shared is not None and shared != row.shared:
            row.shared = shared
            audit.record("search.share", row, shared=shared)
            changes["shared"] = shared
        if seen:
            row.seen_at, row.seen_image = timezone.now(), newest_image()
            changes |= {"seen_at": row.seen_at, "seen_image": row.seen_image}
        # only what is changed, and no row anew: others change and delete it meanwhile
        with _free_name(row.name):
            if changes and not SavedSearch.objects.filter(pk=row.pk).update(**changes):
                raise NotFoundError(f"There is no saved search {row.pk}; it has been deleted.")


@contextmanager
def _free_name(name: str) -> Iterator[None]:
    """Store a saved search inside. Raises: NameTakenError."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise NameTakenError(f"You have a saved search called {name!r}: choose another name.") from error


def delete(row: SavedSearch) -> None:
    """Delete a saved search, and the images that were kept with it."""
    with transaction.atomic():
        audit.record("search.delete", row, owner=str(row.owner))
        row.delete()


def newest_image() -> int:
    """Return the id of the image that came last, 0 where there was none."""
    return Image.everything.order_by("-pk").values_list("pk", flat=True).first() or 0
