"""What a search is asked with in the REST interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework import serializers

from search.live.query import SearchRequest


class SearchRequestSerializer(serializers.Serializer[Any]):
    """A search: exactly one of `file`, `url` and `image`, and where to look."""

    file = serializers.FileField(required=False, help_text="A picture (multipart only).")
    url = serializers.CharField(required=False, max_length=2000, help_text="The address of a picture.")
    image = serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, help_text="The id of a stored image."
    )
    dataset = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=80)
    label = serializers.CharField(  # type: ignore[assignment]
        required=False, allow_null=True, allow_blank=True, max_length=200
    )
    k = serializers.IntegerField(required=False, default=SearchRequest.k, min_value=1)
    page = serializers.IntegerField(required=False, default=SearchRequest.page, min_value=1, max_value=1000)

    def validate_k(self, value: int) -> int:
        """Refuse pages longer than the server allows."""
        if value > settings.MAX_RESULTS_PER_PAGE:
            raise serializers.ValidationError(
                f"At most {settings.MAX_RESULTS_PER_PAGE} results a page; use `page` for more."
            )
        return value

    def validate(self, attrs: Mapping[str, object]) -> Mapping[str, object]:
        """Require exactly one query."""
        if sum(name in attrs for name in ("file", "url", "image")) != 1:
            raise serializers.ValidationError("Give exactly one of file, url and image.")
        return attrs

    def as_request(self) -> SearchRequest:
        """Return the validated search."""
        values = self.validated_data
        upload = values.get("file")
        return SearchRequest(
            data=upload.read(settings.MAX_PICTURE_BYTES + 1) if upload is not None else None,
            url=values.get("url"),
            image_id=values.get("image"),
            dataset=values.get("dataset") or None,
            label=values.get("label") or None,
            k=values.get("k", SearchRequest.k),
            page=values.get("page", SearchRequest.page),
        )
