"""The REST endpoint of search: validates, calls one service, renders."""

from __future__ import annotations

from dataclasses import replace

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gallery.api import parsers
from search.live import answers
from search.live import query as live_query
from search.live import serializers as live_serializers


class SearchView(APIView):
    """Find pictures like this one."""

    parser_classes = [parsers.MultiPartParser, parsers.JsonParser, parsers.FormParser]

    @extend_schema(
        request={
            "multipart/form-data": live_serializers.SearchRequestSerializer,
            "application/json": live_serializers.SearchRequestSerializer,
        },
        responses=answers.SearchAnswer,
    )
    def post(self, request: Request) -> Response:
        """Search with an uploaded picture, the address of one, or a stored image."""
        form = live_serializers.SearchRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = replace(form.as_request(), source=_source(request))
        return Response(answers.search_answer(live_query.search(asked)))


def _source(request: Request) -> live_query.Source:
    """Return whether a page of this site asks: browsers say so, and no script can in their stead."""
    return "page" if request.headers.get("Sec-Fetch-Site") == "same-origin" else "api"
