"""REST endpoints of images: validate, call one service, render."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from gallery.access import rates
from gallery.api import image_serializers as shapes
from gallery.api import serializers
from gallery.api.pagination import ByOldest
from gallery.api.schema import example
from gallery.api.strict import KnownParameters
from gallery.api.views import ANY_ID, shown_jobs
from gallery.browse import grid
from gallery.browse.image_filter import ImageFilter
from gallery.imaging import limits
from gallery.ingest import image_changes, single_image
from gallery.ingest.removals import bin
from gallery.models import Image


class ImageViewSet(
    KnownParameters,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[Image],
):
    """Images: list and look for, read, add, change and delete, one or those that a filter finds."""

    queryset = Image.objects.select_related("dataset").prefetch_related("further")
    serializer_class = serializers.ImageSerializer
    pagination_class = ByOldest
    lookup_value_regex = ANY_ID

    @extend_schema(parameters=[shapes.ImageFilterSerializer])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List images in the order of arrival, those that have all that is asked for."""
        wanted = _filter(shapes.ImageFilterSerializer, request)
        if wanted.metadata or wanted.saved is not None:  # looks at all images, or searches
            rates.count(rates.Throttle.READ, request._request)
        found = wanted.found(self.get_queryset())
        if wanted.ids is not None:
            chosen = found.in_bulk()
            rows = self.get_serializer([chosen[pk] for pk in wanted.ids if pk in chosen], many=True)
            return Response({"next": None, "previous": None, "results": rows.data})
        page = self.paginate_queryset(found) or []
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="images_label_many",
        parameters=[shapes.SomeImagesSerializer],
        examples=[
            example("a label", {"label": "wren"}),
            example("several labels", {"labels": ["wren", "nest"]}),
        ],
        request=shapes.LabelSerializer,
        responses=shapes.ManyImagesAnswer,
    )
    def label_many(self, request: Request) -> Response:
        """Give a label, or a list of them, to all images that a filter finds."""
        wanted = _filter(shapes.SomeImagesSerializer, request)
        form = shapes.LabelSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        changed, left = image_changes.label_images(wanted.found(Image.objects.all()), form.as_labels())
        return Response(shapes.ManyImagesAnswer(images=changed, left=left))

    @extend_schema(
        operation_id="images_delete_many",
        parameters=[shapes.SomeImagesSerializer],
        responses={200: shapes.ManyImagesAnswer},
    )
    def delete_many(self, request: Request) -> Response:
        """Put all images that a filter finds into the bin."""
        found = _filter(shapes.SomeImagesSerializer, request).found(Image.objects.all())
        ids = list(found.order_by("pk").values_list("pk", flat=True)[: image_changes.AT_ONCE])
        gone = bin.delete_images(ids)
        left = found.count() if len(ids) == image_changes.AT_ONCE else 0
        return Response(shapes.ManyImagesAnswer(images=gone, left=left))

    @extend_schema(
        request={"multipart/form-data": shapes.NewImageSerializer},
        responses={201: shapes.NewImageResponseSerializer},
    )
    def create(self, request: Request) -> Response:
        """Add one image; it is searchable when the job in the answer has ended.

        A file that the dataset has already, or an external id that another of its images has, is answered
        with 409 and the id of that one, as `error.image`.
        """
        form = shapes.NewImageSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        values = form.validated_data
        upload = values["file"]
        if upload.size > limits.image_limits().max_bytes:
            raise ValidationError(
                {"file": "The file is larger than this server accepts (MAX_PICTURE_BYTES)."}
            )
        added = single_image.add_image(
            values["dataset"], upload.name, upload.read(), values["label"], form.known_as()
        )
        job = shown_jobs().filter(pk=added.job.pk).first() if added.job else None
        shown = shapes.NewImageResponseSerializer(
            {"image": added.image, "job": job}, context=self.get_serializer_context()
        )
        return Response(shown.data, status=status.HTTP_201_CREATED)

    @extend_schema(
        request=shapes.ImageChangeSerializer,
        responses=serializers.ImageSerializer,
        examples=[
            example("a label", {"label": "wren"}),
            example("several labels", {"labels": ["wren", "nest"]}),
            example("names of your own", {"external_id": "inv-7", "metadata": {"shelf": "A3"}}),
        ],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change labels, external id or metadata of an image."""
        image = self.get_object()
        form = shapes.ImageChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        image_changes.change(image, form.as_changes())
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        parameters=[serializers.WindowRequestSerializer],
        responses=grid.WindowAnswer,
        filters=False,
    )
    @action(detail=False, pagination_class=None)
    def grid(self, request: Request) -> Response:
        """Show any part of a dataset's images, in a random order that stays or by category."""
        form = serializers.WindowRequestSerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        return Response(grid.window(form.as_request()))

    def perform_destroy(self, instance: Image) -> None:
        """Put the image into the bin, from which it comes back whole."""
        bin.delete_images([instance.pk])


def _filter(form_class: type[shapes.ImageFilterSerializer], request: Request) -> ImageFilter:
    # as a plain dictionary: of a form, what is empty would count as not asked for, and more would be found
    form = form_class(data=request.query_params.dict())
    form.is_valid(raise_exception=True)
    return form.as_request()
