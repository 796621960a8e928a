"""What saved searches are asked with in the REST interface, and how a stored document is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from gallery.api.strict import KnownFields
from gallery.browse.where import Where
from gallery.browse.where_values import MOST_COLLECTIONS
from gallery.errors import SemsearchError
from search.live.document import QueryDocument
from search.live.rest import serializers as live_serializers
from search.models import SavedSearch
from search.saved import collections, rows

LONGEST_ADDRESS = 4000
MOST_DEEP = 3  # saved searches that refer to one another
MOST_IMAGES = 100_000


class UnreadableDocumentError(SemsearchError):
    """A stored query document is not of the form that this release reads."""

    code = "unreadable_document"
    status = 409


def _name(**more: Any) -> serializers.CharField:
    return serializers.CharField(max_length=100, help_text="One of your own saved searches has it.", **more)


class DocumentSerializer(live_serializers.SearchSerializer):
    """A query document: a search with `like`, `where`, `datasets` and so on."""

    def validate(self, attrs: Mapping[str, object]) -> Mapping[str, object]:
        """Refuse the simple form, and documents that refer to one another too deeply."""
        if not live_serializers.is_document(self.initial_values()):
            raise serializers.ValidationError("Give a query document: `like`, `where` or `datasets`.")
        checked = super().validate(attrs)
        where = attrs.get("where")
        if isinstance(where, Where):
            depth, count = _reach(where)
            if depth > MOST_DEEP:
                words = f"It refers to saved searches that refer to one another, {MOST_DEEP} at most."
                raise serializers.ValidationError({"where": [words]})
            if count > MOST_COLLECTIONS:
                words = (
                    f"It refers to {count} saved searches, with those that they refer to; "
                    f"{MOST_COLLECTIONS} are the most."
                )
                raise serializers.ValidationError({"where": [words]})
        return checked

    def initial_values(self) -> object:
        """Return what was sent, whether it stands alone or in another body."""
        parent: Any = self.parent
        return self.initial_data if parent is None else parent.initial_data.get(self.field_name)


class NewSavedSearchSerializer(KnownFields, serializers.Serializer[Any]):
    """A search to save."""

    name = _name()
    document = DocumentSerializer()
    address = serializers.RegexField(
        r"^\?[^#\s]*$",
        required=False,
        default="",
        max_length=LONGEST_ADDRESS,
        help_text="The query part of its address on the live page, which opens it as it was.",
    )
    shared = serializers.BooleanField(required=False, default=False, help_text="Show it to everybody.")


class SavedSearchChangeSerializer(KnownFields, serializers.Serializer[Any]):
    """What is to be another way."""

    name = _name(required=False)
    shared = serializers.BooleanField(required=False, help_text="Show it to everybody, or no longer.")
    seen = serializers.BooleanField(
        required=False, help_text="true: you look at it now, and what comes later is new."
    )

    def validate_seen(self, value: bool) -> bool:
        """Refuse to have seen nothing."""
        if not value:
            raise serializers.ValidationError("What was seen cannot be unseen.")
        return value


class RunSerializer(serializers.Serializer[Any]):
    """Which of its hits are shown."""

    k = serializers.IntegerField(required=False, min_value=1, help_text="Results a page; as saved without.")
    cursor = serializers.RegexField(
        live_serializers.CURSOR, required=False, help_text="The `next` of the page before."
    )


class CollectionSerializer(serializers.Serializer[Any]):
    """Which images of a collection are named."""

    dataset = serializers.CharField(required=False, max_length=80, help_text="Only of this one (slug).")


def document_of(row: SavedSearch, **changes: object) -> QueryDocument:
    """Return the document of a saved search. Raises: UnreadableDocumentError; ValidationError of changes."""
    stored = live_serializers.SearchSerializer(data=row.document | changes)
    if not stored.is_valid():
        if changes and live_serializers.SearchSerializer(data=row.document).is_valid():
            stored.is_valid(raise_exception=True)
        raise UnreadableDocumentError(f"This release cannot read the saved search {row.name!r} any more.")
    return live_serializers.query_document(stored.validated_data)


def where_of_saved(number: int) -> Where:
    """Return what finds the images of a saved search, as who asks sees it. Raises: what a search does."""
    return collections.where_of(document_of(rows.one(number, rows.viewer())))


def _reach(where: Where) -> tuple[int, int]:
    """Return how many saved searches lie between a filter and images, 0 for none, and how many in all.

    Raises: NotFoundError.
    """
    depth = count = 0
    for number in where.collections:
        inner, more = _reach(document_of(rows.one(number, rows.viewer())).where)
        depth, count = max(depth, 1 + inner), count + 1 + more
    return depth, count
