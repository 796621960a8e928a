"""REST endpoints of datasets and jobs: validate, call one service, render."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from gallery import jobs
from gallery.api import parsers, serializers
from gallery.api.pagination import ByNewest, ByOldest
from gallery.api.renderers import BinaryRenderer
from gallery.api.schema import example
from gallery.api.strict import KnownParameters
from gallery.browse.dataset_summaries import with_image_count
from gallery.imaging import sprite_sheets
from gallery.ingest import from_images as ingest_from_images
from gallery.ingest import importing
from gallery.ingest.removals import bin
from gallery.jobs import file_retries
from gallery.models import Dataset, Job

# as many digits as always fit the database's integer
ANY_ID = "[0-9]{1,18}"


def shown_jobs() -> QuerySet[Job]:
    """Return jobs with all that the serializer shows."""
    return Job.shown.select_related("dataset")


class DatasetViewSet(KnownParameters, viewsets.ModelViewSet[Dataset]):
    """Datasets: list, read with categories, create, rename, delete, upload a zip."""

    queryset = with_image_count(Dataset.objects.order_by("-id"))
    serializer_class = serializers.DatasetSerializer
    pagination_class = ByNewest
    lookup_field = "slug"
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    @extend_schema(responses=serializers.DatasetDetailSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a dataset with its categories."""
        dataset = self.get_object()
        return Response(serializers.DatasetDetailSerializer(dataset).data)

    @extend_schema(examples=[example("a dataset", {"slug": "birds", "name": "Birds"})])
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make an empty dataset."""
        return super().create(request, *args, **kwargs)

    @extend_schema(examples=[example("another name", {"name": "Birds of the garden"})])
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change name, slug or description."""
        return super().partial_update(request, *args, **kwargs)

    def perform_create(self, serializer: BaseSerializer[Dataset]) -> None:
        """Store the dataset, and read it as lists do: with its count of images."""
        serializer.instance = self.get_queryset().get(pk=serializer.save().pk)

    def perform_destroy(self, instance: Dataset) -> None:
        """Put the dataset into the bin, from which it comes back whole."""
        bin.delete_dataset(instance)

    @extend_schema(
        request={"multipart/form-data": serializers.ArchiveSerializer},
        responses={202: serializers.JobSerializer},
    )
    @action(detail=True, methods=["post"], parser_classes=[parsers.MultiPartParser])
    def upload(self, request: Request, slug: str) -> Response:
        """Import a zip, a tar or a single image in the background; answers with the job."""
        dataset = self.get_object()
        form = serializers.ArchiveSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        values = form.validated_data
        job = importing.enqueue_archive(dataset, values["file"], labels=values["labels"])
        return Response(
            serializers.JobSerializer(shown_jobs().get(pk=job.pk)).data,
            status=status.HTTP_202_ACCEPTED,
        )

    @extend_schema(responses=serializers.AtlasAnswer)
    @action(detail=True, pagination_class=None)
    def atlas(self, request: Request, slug: str) -> Response:
        """Return where the small images are that a map draws its points with."""
        dataset = self.get_object()
        found = sprite_sheets.sheets_of(dataset)
        values: serializers.AtlasAnswer = {
            "cell": sprite_sheets.CELL,
            "columns": sprite_sheets.COLUMNS,
            "per_page": sprite_sheets.PER_PAGE,
            "count": len(found.image_ids),
            "pages": found.pages,
            "ids": reverse("dataset-atlas-ids", args=[dataset.slug]),
        }
        return Response(values)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(
        detail=True,
        url_path="atlas/ids",
        url_name="atlas-ids",
        pagination_class=None,
        renderer_classes=[BinaryRenderer, JSONRenderer],
    )
    def atlas_ids(self, request: Request, slug: str) -> HttpResponse:
        """Send the id of the image in each cell of the atlas, uint32 little endian; 0 where there is none."""
        return HttpResponse(
            sprite_sheets.packed_ids(self.get_object()), content_type=BinaryRenderer.media_type
        )

    @extend_schema(
        examples=[example("a selection", {"slug": "owls", "name": "Owls", "images": [12, 15, 40]})],
        request=serializers.NewDatasetOfImagesSerializer,
        responses={201: serializers.NewDatasetOfImagesResponseSerializer},
    )
    @action(detail=False, methods=["post"], url_path="from-images", pagination_class=None)
    def from_images(self, request: Request) -> Response:
        """Make a dataset of stored images with their labels; the job in the answer copies them."""
        form = serializers.NewDatasetOfImagesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        values = form.validated_data
        dataset, job = ingest_from_images.new_dataset(values["slug"], values["name"], values["images"])
        shown = serializers.NewDatasetOfImagesResponseSerializer(
            self.get_queryset().get(pk=dataset.pk), context={"job": shown_jobs().get(pk=job.pk)}
        )
        return Response(shown.data, status=status.HTTP_201_CREATED)


class JobViewSet(KnownParameters, viewsets.ReadOnlyModelViewSet[Job]):
    """Jobs: list, read, cancel, try again, and the files they could not use."""

    queryset = Job.objects.none()
    serializer_class = serializers.JobSerializer
    pagination_class = ByNewest
    lookup_value_regex = ANY_ID

    @extend_schema(
        parameters=[
            OpenApiParameter("dataset", OpenApiTypes.STR, description="Only of this dataset (slug)."),
            OpenApiParameter(
                "state", OpenApiTypes.STR, description="Only in this state.", enum=Job.State.values
            ),
        ]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List jobs, the newest first."""
        return super().list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Job]:
        """Filter by `dataset` and `state`. Raises: ValidationError for no state."""
        found = shown_jobs()
        if dataset := self.request.query_params.get("dataset"):
            found = found.filter(dataset__slug=dataset)
        if state := self.request.query_params.get("state"):
            if state not in Job.State.values:
                raise ValidationError({"state": [f"Give one of {', '.join(Job.State.values)}."]})
            found = found.filter(state=state)
        return found

    @extend_schema(request=None, responses=serializers.JobSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop a queued or running job."""
        job = self.get_object()
        jobs.cancel(job.pk)
        return Response(self.get_serializer(shown_jobs().get(pk=job.pk)).data)

    @extend_schema(request=None, responses={202: serializers.JobSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Put a job that failed, or was cancelled, back in the queue; what it did so far stands."""
        job = jobs.retry(self.get_object().pk)
        shown = self.get_serializer(shown_jobs().get(pk=job.pk)).data
        return Response(shown, status=status.HTTP_202_ACCEPTED)

    @extend_schema(responses=serializers.FailedFileSerializer(many=True))
    @action(detail=True, url_path="failed-files")
    def failed_files(self, request: Request, pk: str) -> Response:
        """List the files the job could not use, with reasons."""
        pager = ByOldest()
        page = pager.paginate_queryset(self.get_object().failed_files.all(), request, self)
        rows = serializers.FailedFileSerializer(page, many=True, context=self.get_serializer_context())
        return pager.get_paginated_response(rows.data)

    @extend_schema(
        examples=[example("two files", {"files": [3, 4]}), example("all that wait", {})],
        request=serializers.FilesAgainSerializer,
        responses={202: serializers.JobSerializer},
    )
    @action(detail=True, methods=["post"], url_path="failed-files/retry", pagination_class=None)
    def retry_files(self, request: Request, pk: str) -> Response:
        """Try files again that the job could not use, all or those named; answers with a new job."""
        form = serializers.FilesAgainSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        started = file_retries.retry_files(self.get_object(), form.validated_data.get("files"))
        shown = self.get_serializer(shown_jobs().get(pk=started.pk)).data
        return Response(shown, status=status.HTTP_202_ACCEPTED)
