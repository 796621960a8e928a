"""REST endpoints of search, models and indexes: validate, call one service, render."""

from __future__ import annotations

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework import parsers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gallery.access import MayRead
from gallery.api.pagination import ByNewest
from search.api import serializers
from search.api.throttling import SearchThrottle
from search.models import IndexBuild, SearchIndex
from search.services import features, querying


class SearchView(APIView):
    """Find pictures like this one."""

    permission_classes = [MayRead]
    parser_classes = [parsers.MultiPartParser, parsers.JSONParser, parsers.FormParser]
    throttle_classes = [SearchThrottle]
    throttle_scope = "search"

    @extend_schema(
        request={
            "multipart/form-data": serializers.SearchRequestSerializer,
            "application/json": serializers.SearchRequestSerializer,
        },
        responses=serializers.SearchResponseSerializer,
    )
    def post(self, request: Request) -> Response:
        """Search with an uploaded picture, the address of one, or a stored image."""
        form = serializers.SearchRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(serializers.described_response(querying.search(form.as_request())))


class ModelsView(APIView):
    """The networks this installation knows."""

    @extend_schema(responses=serializers.ModelSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List networks with their layers, and the reason where one cannot be used."""
        return Response(serializers.ModelSerializer(features.described_networks(), many=True).data)


class IndexViewSet(viewsets.ReadOnlyModelViewSet[SearchIndex]):
    """Indexes and what was measured when their generation was published."""

    serializer_class = serializers.IndexSerializer
    pagination_class = ByNewest
    queryset = SearchIndex.objects.select_related("dataset", "spec").prefetch_related(
        Prefetch(
            "builds",
            IndexBuild.objects.filter(state=IndexBuild.State.PUBLISHED).order_by("-id"),
            to_attr="published_builds",
        )
    )
