"""REST endpoints of the bin: what lies there, back from it, and away for good."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gallery.access.permissions import ByPolicy, SeesHidden
from gallery.api import bin_serializers, serializers
from gallery.api.pagination import ByNewest
from gallery.api.strict import KnownParameters
from gallery.api.views import ANY_ID
from gallery.browse import bin_contents
from gallery.browse.dataset_summaries import with_image_count
from gallery.ingest.removals import bin
from gallery.models import Dataset, Image

Row = TypeVar("Row", bound=Model)


class _InBin(
    KnownParameters,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[Row],
):
    """What lies in the bin, by its number, the latest first, for who may look through it."""

    permission_classes = (ByPolicy, SeesHidden)
    pagination_class = ByNewest
    lookup_value_regex = ANY_ID


class BinnedImageViewSet(_InBin[Image]):
    """Images in the bin: list, read, restore, remove for good."""

    queryset = bin_contents.binned_images()
    serializer_class = bin_serializers.BinnedImageSerializer

    @extend_schema(request=None, responses=serializers.ImageSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        """Bring the image back as it was: with its label, its features and its place in searches."""
        found = bin.restore_images([self.get_object().pk])
        if not found:
            raise Http404
        return Response(serializers.ImageSerializer(found[0], context=self.get_serializer_context()).data)

    def perform_destroy(self, instance: Image) -> None:
        """Remove the image for good, with its files and all that hangs on it."""
        bin.purge_images([instance.pk])


class BinnedDatasetViewSet(_InBin[Dataset]):
    """Datasets in the bin: list, read, restore, remove for good."""

    queryset = bin_contents.binned_datasets()
    serializer_class = bin_serializers.BinnedDatasetSerializer

    @extend_schema(request=None, responses=serializers.DatasetSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        """Bring the dataset back whole; under another slug where its own has been taken meanwhile."""
        restored = bin.restore_dataset(self.get_object().pk)
        shown = with_image_count(Dataset.objects.all()).get(pk=restored.pk)
        return Response(serializers.DatasetSerializer(shown).data)

    def perform_destroy(self, instance: Dataset) -> None:
        """Remove the dataset for good, with its images and all that was computed from them."""
        bin.purge_dataset(instance.pk)
