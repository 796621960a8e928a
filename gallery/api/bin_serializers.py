"""Shapes of what lies in the bin."""

from __future__ import annotations

from datetime import datetime

from rest_framework import serializers

from gallery.api.serializers import DatasetSerializer, ImageSerializer
from gallery.browse import bin_contents
from gallery.models import Dataset, Image


class BinnedImageSerializer(ImageSerializer):
    """An image in the bin, and when it is removed for good."""

    expires_at = serializers.SerializerMethodField()

    class Meta(ImageSerializer.Meta):
        fields = [
            *(name for name in ImageSerializer.Meta.fields if name != "page_url"),
            "deleted_at",
            "expires_at",
        ]

    page_url = None  # type: ignore[assignment]  # it has no page while it lies there

    def get_expires_at(self, image: Image) -> datetime:
        """Return when it is removed for good."""
        assert image.deleted_at is not None
        return bin_contents.expires_at(image.deleted_at)


class BinnedDatasetSerializer(DatasetSerializer):
    """A dataset in the bin, with the slug that it had, and when it is removed for good."""

    slug = serializers.CharField(source="deleted_slug", read_only=True)
    expires_at = serializers.SerializerMethodField()
    url = None  # type: ignore[assignment]  # it has no page while it lies there

    class Meta(DatasetSerializer.Meta):
        fields = [
            "id",
            *(name for name in DatasetSerializer.Meta.fields if name != "url"),
            "deleted_at",
            "expires_at",
        ]

    def get_expires_at(self, dataset: Dataset) -> datetime:
        """Return when it is removed for good."""
        assert dataset.deleted_at is not None
        return bin_contents.expires_at(dataset.deleted_at)
