"""REST endpoints of projections: validate, call one service, render."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from gallery.api.pagination import ByNewest
from gallery.api.renderers import BinaryRenderer
from gallery.api.schema import example
from gallery.api.strict import KnownParameters
from gallery.api.views import ANY_ID, shown_jobs
from gallery.models import Dataset
from search.experiments.rest.api import validated
from search.maps import answers, export
from search.maps import jobs as map_jobs
from search.maps import queries as map_queries
from search.maps import serializers as shapes
from search.models import Projection

BINARY = BinaryRenderer.media_type


class PointsCsvRenderer(BaseRenderer):
    """Names the CSV form; `?format=csv` asks for it."""

    media_type = "text/csv"
    format = "csv"


CSV_RENDERERS = [PointsCsvRenderer, JSONRenderer]


class ProjectionViewSet(KnownParameters, viewsets.GenericViewSet[Projection]):
    """Projections: list, read, compute, and their points as binary and as CSV."""

    queryset = Projection.objects.none()
    pagination_class = ByNewest
    lookup_value_regex = ANY_ID

    @extend_schema(parameters=[shapes.ProjectionQuerySerializer], responses=answers.ProjectionAnswer)
    def list(self, request: Request) -> Response:
        """List maps, latest first."""
        wanted = validated(shapes.ProjectionQuerySerializer, request.query_params).as_request()
        page = self.paginate_queryset(map_queries.matching(wanted)) or []
        return self.get_paginated_response(map_queries.map_answers(page))

    @extend_schema(
        examples=[
            example("a map", {"dataset": "birds", "method": "umap", "parameters": {"neighbours": 20}}),
        ],
        request=shapes.NewProjectionsSerializer,
        responses={202: shapes.NewProjectionsResponseSerializer},
    )
    def create(self, request: Request) -> Response:
        """Make what is missing of these maps in the background; answers with the jobs."""
        values = validated(shapes.NewProjectionsSerializer, request.data).validated_data
        dataset = Dataset.objects.called(values["dataset"])
        parameters = dict(values.get("parameters", {}))
        asked = map_jobs.plans(
            [values["method"]] if values.get("method") else (),
            values.get("models", ()),
            values.get("pooling", ""),
            afresh=parameters.pop("afresh", False),
            parameters=parameters,
        )
        queued = map_jobs.enqueue(dataset, asked)
        rows = shown_jobs().filter(pk__in=[job.pk for job in queued]).order_by("pk")
        shown = shapes.NewProjectionsResponseSerializer({"jobs": rows})
        return Response(shown.data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(responses=answers.ProjectionAnswer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Return a map's configuration and how far it may be believed."""
        return Response(map_queries.map_answers([map_queries.projection(int(pk))])[0])

    @extend_schema(
        parameters=[OpenApiParameter("format", OpenApiTypes.STR, enum=["binary", "csv"])],
        responses={(200, BINARY): OpenApiTypes.BINARY, (200, "text/csv"): OpenApiTypes.STR},
    )
    @action(detail=True, renderer_classes=[BinaryRenderer, PointsCsvRenderer, JSONRenderer])
    def points(self, request: Request, pk: str) -> HttpResponseBase:
        """Send the points in a compact binary form, or with `format=csv` as a file.

        Little endian: "SSMP", uint32 version (1), uint32 count, uint32 flags (0), float32 min_x, min_y,
        max_x, max_y; then count uint16 x, count uint16 y (0 to 65535 over the box), count uint32 image id,
        count uint16 category number (65535: none). Points ascend by image id.
        """
        row = map_queries.projection(int(pk))
        if isinstance(request.accepted_renderer, PointsCsvRenderer):
            return _as_csv(row)
        return _unless_known(request, export.version(row), lambda: export.packed(row))

    @extend_schema(operation_id="projections_points_csv", responses={(200, "text/csv"): OpenApiTypes.STR})
    def points_csv(self, request: Request, pk: str) -> HttpResponseBase:
        """Send the points as a file of id, filename, label, x and y."""
        return _as_csv(map_queries.projection(int(pk)))

    @extend_schema(parameters=[shapes.ColourQuerySerializer], responses=answers.LegendAnswer)
    @action(detail=True)
    def legend(self, request: Request, pk: str) -> Response:
        """Tell what the points are coloured by: names, and how many points have each."""
        wanted = validated(shapes.ColourQuerySerializer, request.query_params).validated_data
        return Response(
            export.legend(map_queries.projection(int(pk)), wanted["by"], wanted.get("experiment"))
        )

    @extend_schema(parameters=[shapes.ColourQuerySerializer], responses={(200, BINARY): OpenApiTypes.BINARY})
    @action(detail=True, renderer_classes=[BinaryRenderer, JSONRenderer])
    def colours(self, request: Request, pk: str) -> HttpResponseBase:
        """Send one uint16 a point, in the order of the points, little endian; 65535 is none.

        Categories and clusters count the names of the legend; a score is 0 to 1000.
        """
        wanted = validated(shapes.ColourQuerySerializer, request.query_params).validated_data
        row = map_queries.projection(int(pk))
        return HttpResponse(export.colours(row, wanted["by"], wanted.get("experiment")), content_type=BINARY)


def _as_csv(row: Projection) -> HttpResponseBase:
    response = StreamingHttpResponse(export.as_csv(row), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="map-{row.dataset.slug}-{row.pk}.csv"'
    return response


def _unless_known(request: Request, version: str, make: Callable[[], bytes]) -> HttpResponseBase:
    """Send what was made, or tell that what the client has is the same."""
    tag = quote_etag(version)
    known = get_conditional_response(request._request, etag=tag)
    response = known or HttpResponse(make(), content_type=BINARY)
    response["ETag"] = tag
    # kept, but asked about each time: pictures come and go
    response["Cache-Control"] = f"{'public' if settings.OPEN_READING else 'private'}, no-cache"
    return response
