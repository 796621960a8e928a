"""REST endpoints of search indexes: what was measured of each, and which one is live."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gallery.api.pagination import ByNewest
from gallery.api.serializers import JobSerializer
from gallery.api.strict import KnownParameters
from gallery.api.views import ANY_ID, shown_jobs
from search.experiments import promotion
from search.experiments.rest import index_serializers
from search.models import IndexBuild, SearchIndex


class IndexViewSet(KnownParameters, viewsets.ReadOnlyModelViewSet[SearchIndex]):
    """Indexes and what was measured when their generation was published."""

    serializer_class = index_serializers.IndexSerializer
    pagination_class = ByNewest
    lookup_value_regex = ANY_ID
    queryset = SearchIndex.shown.select_related("dataset", "spec").prefetch_related(
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
