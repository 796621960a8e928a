"""The REST endpoints of search: validate, call one service, render."""

from __future__ import annotations

from dataclasses import replace

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gallery.access import rates
from gallery.api import parsers
from gallery.api.schema import example
from gallery.api.strict import KnownParameters
from search.live import answers, batch
from search.live import query as live_query
from search.live import serializers as live_serializers


class SearchView(KnownParameters, APIView):
    """Find pictures like this one."""

    parser_classes = [parsers.MultiPartParser, parsers.JsonParser, parsers.FormParser]

    @extend_schema(
        operation_id="search",
        examples=[
            example("a stored image", {"image": 12, "dataset": "birds", "k": 10}),
            example("an address", {"url": "https://example.org/wren.jpg"}),
            example("a vector", {"vector": [0.12, -0.5, 0.03], "dataset": "birds"}),
        ],
        request={
            "application/json": live_serializers.SearchSerializer,
            "multipart/form-data": live_serializers.SearchByFileSerializer,
        },
        responses=answers.SearchAnswer,
    )
    def post(self, request: Request) -> Response:
        """Search with an uploaded picture, the address of one, a stored image, or a vector."""
        form = live_serializers.AnySearchSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = replace(form.as_request(), source=_source(request))
        return Response(answers.search_answer(live_query.search(asked)))


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


def _source(request: Request) -> live_query.Source:
    """Return whether a page of this site asks: browsers say so, and no script can in their stead."""
    return "page" if request.headers.get("Sec-Fetch-Site") == "same-origin" else "api"
