"""Shapes of a search, of models and of indexes in the REST interface."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from rest_framework import serializers

from gallery.browse.image_summaries import page_address
from search.live import query as live_query
from search.live.hits import Hit, ShownImage, shown
from search.live.query import SearchRequest, SearchResponse


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

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
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


class QueryImageSerializer(serializers.Serializer[Any]):
    """The stored image that was searched with."""

    id = serializers.IntegerField()
    url = serializers.CharField()
    thumbnail = serializers.CharField()
    filename = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    dataset = serializers.CharField()


class QuerySerializer(serializers.Serializer[Any]):
    """What was searched with."""

    kind = serializers.ChoiceField(["file", "url", "image"])
    image = QueryImageSerializer(allow_null=True)
    url = serializers.CharField(allow_null=True)
    thumbnail = serializers.CharField(
        allow_null=True, help_text="The fetched picture, small, as a data: URL; only of a search by `url`."
    )
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class HitSerializer(serializers.Serializer[Any]):
    """One ranked result; `score` is a cosine, higher is nearer."""

    rank = serializers.IntegerField()
    image = serializers.IntegerField()
    dataset = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    score = serializers.FloatField()
    url = serializers.CharField()
    thumbnail = serializers.CharField()
    filename = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    page_url = serializers.CharField()


class TimingsSerializer(serializers.Serializer[Any]):
    """Milliseconds of each stage."""

    decode = serializers.FloatField()
    extract = serializers.FloatField()
    search = serializers.FloatField()
    rerank = serializers.FloatField()
    load = serializers.FloatField()
    total = serializers.FloatField()


class SearchResponseSerializer(serializers.Serializer[Any]):
    """One page of results."""

    query = QuerySerializer()
    dataset = serializers.CharField(allow_null=True)
    label = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    k = serializers.IntegerField()
    page = serializers.IntegerField()
    has_next = serializers.BooleanField()
    searched = serializers.IntegerField(help_text="How many vectors could have been found.")
    hits = HitSerializer(many=True)
    timings_ms = TimingsSerializer()


def described_image(image: ShownImage) -> dict[str, Any]:
    """Return the parts of an image that results show."""
    return {
        "dataset": image.dataset,
        "label": image.category,
        "url": default_storage.url(image.file),
        "thumbnail": default_storage.url(image.thumbnail),
        "filename": image.filename,
    }


def described_hits(hits: list[Hit]) -> list[dict[str, Any]]:
    """Return hits as plain values."""
    page = cache(page_address)
    return [_described_hit(hit, page(hit.image.dataset)) for hit in hits]


def _described_hit(hit: Hit, page: tuple[str, str]) -> dict[str, Any]:
    image = hit.image
    return {
        "rank": hit.rank,
        "image": image.pk,
        "score": round(hit.score, 6),
        "width": image.width,
        "height": image.height,
        "page_url": f"{page[0]}{image.pk}{page[1]}",
    } | described_image(image)


def described_response(response: SearchResponse) -> dict[str, Any]:
    """Return an answered search as plain values."""
    request = response.request
    kind = "image" if request.image_id is not None else "url" if request.url is not None else "file"
    image = response.image
    return {
        "query": {
            "kind": kind,
            "image": {"id": image.pk} | described_image(shown(image)) if image else None,
            "url": request.url,
            "thumbnail": response.thumbnail,
            "width": response.width,
            "height": response.height,
        },
        "dataset": request.dataset,
        "label": request.label,
        "k": request.k,
        "page": request.page,
        "has_next": response.has_next,
        "searched": response.searched,
        "hits": described_hits(response.hits),
        "timings_ms": live_query.as_timings(response.timings_ms),
    }
