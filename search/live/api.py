"""REST endpoints of search, models and indexes: validate, call one service, render."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import parsers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gallery.access import MayRead
from gallery.api.pagination import ByNewest
from gallery.api.serializers import JobSerializer
from gallery.api.views import shown_jobs
from search.experiments import promotion
from search.features import loaded_extractors
from search.live import query as live_query
from search.live import serializers as live_serializers
from search.models import IndexBuild, SearchIndex
from search.throttling import SearchThrottle


class SearchView(APIView):
    """Find pictures like this one."""

    permission_classes = [MayRead]
    parser_classes = [parsers.MultiPartParser, parsers.JSONParser, parsers.FormParser]
    throttle_classes = [SearchThrottle]
    throttle_scope = "search"

    @extend_schema(
        request={
            "multipart/form-data": live_serializers.SearchRequestSerializer,
            "application/json": live_serializers.SearchRequestSerializer,
        },
        responses=live_serializers.SearchResponseSerializer,
    )
    def post(self, request: Request) -> Response:
        """Search with an uploaded picture, the address of one, or a stored image."""
        form = live_serializers.SearchRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(live_serializers.described_response(live_query.search(form.as_request())))


class ModelsView(APIView):
    """The networks this installation knows."""

    @extend_schema(responses=live_serializers.ModelSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List networks with their layers, and the reason where one cannot be used."""
        return Response(
            live_serializers.ModelSerializer(loaded_extractors.described_networks(), many=True).data
        )


class IndexViewSet(viewsets.ReadOnlyModelViewSet[SearchIndex]):
    """Indexes and what was measured when their generation was published."""

    serializer_class = live_serializers.IndexSerializer
    pagination_class = ByNewest
    queryset = SearchIndex.objects.select_related("dataset", "spec").prefetch_related(
        Prefetch(
            "builds",
            IndexBuild.objects.filter(state=IndexBuild.State.PUBLISHED).order_by("-id"),
            to_attr="published_builds",
        )
    )

    def get_queryset(self) -> QuerySet[SearchIndex]:
        """Filter by `dataset`."""
        found = super().get_queryset()
        if dataset := self.request.query_params.get("dataset"):
            found = found.filter(dataset__slug=dataset)
        return found

    @extend_schema(
        parameters=[OpenApiParameter("dataset", OpenApiTypes.STR, description="only this dataset (slug)")]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List indexes, the newest first; one of each dataset is live."""
        return super().list(request, *args, **kwargs)

    @extend_schema(request=None, responses={202: JobSerializer})
    @action(detail=True, methods=["post"])
    def promote(self, request: Request, pk: str) -> Response:
        """Let this index answer the live searches of its dataset, in the background; answers with the job."""
        job = promotion.enqueue_index(self.get_object())
        return Response(JobSerializer(shown_jobs().get(pk=job.pk)).data, status=status.HTTP_202_ACCEPTED)
