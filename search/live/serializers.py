"""What a search is asked with in the REST interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework import serializers

from gallery.api.serializers import SentFileField
from gallery.api.strict import KnownFields
from search.live.query import SearchRequest

SEARCHED_WITH = ("file", "url", "image", "vector")
LONGEST_VECTOR = 100_000
LARGEST_NUMBER = 65_504  # as features are stored, in 16 bits
MOST_TOGETHER = 50


class AnySearchSerializer(KnownFields, serializers.Serializer[Any]):
    """A search in whatever form it comes: exactly one of what is searched with, and where to look."""

    file = SentFileField(required=False, help_text="A picture.")
    url = serializers.CharField(required=False, max_length=2000, help_text="The address of a picture.")
    image = serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, help_text="The id of a stored image."
    )
    vector = serializers.ListField(
        child=serializers.FloatField(min_value=-LARGEST_NUMBER, max_value=LARGEST_NUMBER),
        required=False,
        allow_empty=False,
        max_length=LONGEST_VECTOR,
        help_text="Features as `/images/{id}/embedding/` gives them, of the same configuration.",
    )
    index = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**63 - 1,
        help_text="The id of an index, to be asked instead of the live ones.",
    )
    dataset = serializers.CharField(
        required=False, allow_blank=True, allow_null=True, max_length=80, help_text="Only in this one (slug)."
    )
    label = serializers.CharField(  # type: ignore[assignment]
        required=False, allow_null=True, allow_blank=True, max_length=200, help_text="Only with this label."
    )
    k = serializers.IntegerField(
        required=False, default=SearchRequest.k, min_value=1, help_text="Results a page."
    )
    page = serializers.IntegerField(
        required=False, default=SearchRequest.page, min_value=1, max_value=1000, help_text="Counted from 1."
    )

    def validate_vector(self, value: list[float]) -> tuple[float, ...]:
        """Refuse one that points nowhere."""
        if not any(value):
            raise serializers.ValidationError("All its numbers are 0: nothing is near it.")
        return tuple(value)

    def validate_k(self, value: int) -> int:
        """Refuse pages longer than the server allows."""
        if value > settings.MAX_RESULTS_PER_PAGE:
            raise serializers.ValidationError(
                f"At most {settings.MAX_RESULTS_PER_PAGE} results a page; use `page` for more."
            )
        return value

    def validate(self, attrs: Mapping[str, object]) -> Mapping[str, object]:
        """Require exactly one query."""
        if sum(name in attrs for name in SEARCHED_WITH) != 1:
            names = [name for name in SEARCHED_WITH if name in self.fields]
            raise serializers.ValidationError(f"Give exactly one of {', '.join(names[:-1])} and {names[-1]}.")
        return attrs

    def as_request(self) -> SearchRequest:
        """Return the validated search."""
        return search_request(self.validated_data)


class SearchByFileSerializer(AnySearchSerializer):
    """A search with a picture that is sent."""

    file = SentFileField(help_text="A picture.")
    url = image = vector = None  # type: ignore[assignment]
    # a form has no null
    dataset = serializers.CharField(
        required=False, allow_blank=True, max_length=80, help_text="Only in this one (slug)."
    )
    label = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="Only with this label."
    )


class SearchSerializer(AnySearchSerializer):
    """A search with exactly one of `url`, `image` and `vector`."""

    file = None  # type: ignore[assignment]


class BatchSerializer(KnownFields, serializers.Serializer[Any]):
    """Searches that are answered together."""

    queries = SearchSerializer(many=True, allow_empty=False, max_length=MOST_TOGETHER)  # type: ignore[call-arg]

    def as_requests(self) -> list[SearchRequest]:
        """Return the validated searches."""
        return [search_request(values) for values in self.validated_data["queries"]]


def search_request(values: Mapping[str, Any]) -> SearchRequest:
    """Return a search of validated values."""
    upload = values.get("file")
    return SearchRequest(
        data=upload.read(settings.MAX_PICTURE_BYTES + 1) if upload is not None else None,
        url=values.get("url"),
        image_id=values.get("image"),
        vector=values.get("vector"),
        index=values.get("index"),
        dataset=values.get("dataset") or None,
        label=values.get("label") or None,
        k=values.get("k", SearchRequest.k),
        page=values.get("page", SearchRequest.page),
    )
