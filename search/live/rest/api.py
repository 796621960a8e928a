"""The REST endpoints of search: validate, call one service, render."""

from __future__ import annotations

from dataclasses import replace
from typing import TypedDict

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gallery.access import rates
from gallery.api import parsers
from gallery.api.schema import example
from gallery.api.strict import KnownParameters
from gallery.browse.facets import FacetAnswer, facets
from gallery.browse.where import EVERY_IMAGE
from search.live import batch
from search.live.answering import answers, explanation_answers, found_answers
from search.live.document import Source
from search.live.examples import uploads
from search.live.rest import explanation_serializers
from search.live.rest import serializers as live_serializers


class FacetsAnswer(TypedDict):
    """The facets of what a filter finds."""

    facets: list[FacetAnswer]


class SearchView(KnownParameters, APIView):
    """Find images like this one."""

    parser_classes = [parsers.MultiPartParser, parsers.JsonParser, parsers.FormParser]

    @extend_schema(
        operation_id="search",
        examples=[
            example("a stored image", {"image": 12, "dataset": "birds", "k": 10}),
            example("an address", {"url": "https://example.org/wren.jpg"}),
            example(
                "more like this, less like that",
                {"like": [{"image": 12}, {"image": 15}], "unlike": [{"image": 9}]},
            ),
            example("a part of an image", {"like": [{"image": 12, "box": [0.1, 0.2, 0.6, 0.9]}]}),
            example("a filter", {"where": "label:wren width>=640", "datasets": ["birds"], "k": 50}),
            example("free text", {"text": "two dogs on a beach", "datasets": ["holiday"]}),
            example("why they are similar", {"like": [{"image": 12}], "k": 5, "explain": True}),
            example("a vector", {"vector": [0.12, -0.5, 0.03], "dataset": "birds"}),
        ],
        request={
            "application/json": live_serializers.SearchSerializer,
            "multipart/form-data": live_serializers.SearchByFileSerializer,
        },
        responses=answers.SearchAnswer | found_answers.FoundAnswer,
    )
    def post(self, request: Request) -> Response:
        """Search with an uploaded image, the address of one, a stored image, or a vector.

        Or, as JSON, with a query document: examples for and against, and a filter.
        """
        # the fields of a document cost a simple search some time
        is_document = live_serializers.is_document(request.data)
        kind = live_serializers.SearchSerializer if is_document else live_serializers.AnySearchSerializer
        form = kind(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(batch.answer(replace(form.as_request(), source=_source(request))))


class ExplanationView(KnownParameters, APIView):
    """Why a hit is similar."""

    @extend_schema(
        operation_id="search_explanation",
        parameters=[explanation_serializers.ExplanationSerializer],
        responses=explanation_answers.ExplanationAnswer,
    )
    def get(self, request: Request) -> Response:
        """Tell what each cell of the feature maps of query and hit has in the score of a hit.

        The shares add up to the score. Each request counts as a search.
        """
        form = explanation_serializers.ExplanationSerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        return Response(explanation_answers.explanation_answer(*form.as_request()))


class UploadsView(KnownParameters, APIView):
    """Images to search with, kept for some hours."""

    parser_classes = [parsers.MultiPartParser]

    @extend_schema(
        operation_id="uploads_create",
        request={"multipart/form-data": live_serializers.UploadSerializer},
        responses={201: uploads.UploadAnswer},
    )
    def post(self, request: Request) -> Response:
        """Keep an image for some hours, to search with it under its id: in `like` and `unlike`."""
        form = live_serializers.UploadSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data["file"].read(settings.MAX_PICTURE_BYTES + 1)
        return Response(uploads.upload_answer(uploads.keep(data)), status=status.HTTP_201_CREATED)


class FacetsView(KnownParameters, APIView):
    """What there is among the images that a filter finds."""

    @extend_schema(
        operation_id="facets",
        parameters=[live_serializers.FacetsSerializer],
        responses=FacetsAnswer,
    )
    def get(self, request: Request) -> Response:
        """Count labels, datasets, formats, orientations and words of the images that a filter finds."""
        form = live_serializers.FacetsSerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        datasets = [asked["dataset"]] if asked.get("dataset") else []
        return Response({"facets": facets(asked.get("where", EVERY_IMAGE), datasets)})


class BatchView(KnownParameters, APIView):
    """Many searches in one request."""

    parser_classes = [parsers.JsonParser]

    @extend_schema(
        operation_id="search_batch",
        examples=[example("two searches", {"queries": [{"image": 12, "k": 5}, {"image": 13, "k": 5}]})],
        request=live_serializers.BatchSerializer,
        responses=batch.BatchAnswer,
    )
    def post(self, request: Request) -> Response:
        """Answer many searches in their order; where one fails, its error stands in its place.

        Each counts as a search.
        """
        form = live_serializers.BatchSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.as_requests()
        rates.count_more(rates.Throttle.SEARCH, request._request, len(asked) - 1)
        return Response(batch.answered([replace(one, source=_source(request)) for one in asked]))


def _source(request: Request) -> Source:
    """Return whether a page of this site asks: browsers say so, and no script can in their stead."""
    return "page" if request.headers.get("Sec-Fetch-Site") == "same-origin" else "api"
