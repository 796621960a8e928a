"""Shapes of datasets, images, jobs and failed files in the REST interface."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from gallery import grid
from gallery.models import Dataset, FailedFile, Image, Job
from gallery.paging import LARGEST_ID


class CategorySerializer(serializers.Serializer[Any]):
    """A category and how many images it has."""

    name = serializers.CharField()
    images = serializers.IntegerField()


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    """A dataset; `images` counts its pictures."""

    images = serializers.IntegerField(source="image_count", read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Dataset
        fields = ["slug", "name", "description", "images", "created_at", "url"]


class DatasetDetailSerializer(DatasetSerializer):
    """A dataset with its categories."""

    categories = CategorySerializer(many=True, read_only=True)

    class Meta(DatasetSerializer.Meta):
        fields = [*DatasetSerializer.Meta.fields, "categories"]


class ImageSerializer(serializers.ModelSerializer[Image]):
    """One picture."""

    dataset: serializers.SlugRelatedField[Dataset] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True
    )
    label = serializers.CharField(source="category", read_only=True)  # type: ignore[assignment]
    url = serializers.FileField(source="file", read_only=True, use_url=True)
    thumbnail = serializers.FileField(read_only=True, use_url=True)

    class Meta:
        model = Image
        fields = [
            "id",
            "dataset",
            "label",
            "filename",
            "url",
            "thumbnail",
            "width",
            "height",
            "size_bytes",
            "format",
            "sha256",
            "created_at",
        ]


class PictureSerializer(serializers.Serializer[Any]):
    """What lists show of a picture."""

    id = serializers.IntegerField()
    label = serializers.CharField()  # type: ignore[assignment]
    filename = serializers.CharField()
    thumbnail = serializers.CharField()
    url = serializers.CharField()
    page_url = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class WindowRequestSerializer(serializers.Serializer[Any]):
    """Which part of which order of a dataset's pictures."""

    dataset = serializers.CharField(help_text="The slug of the dataset.")
    order = serializers.ChoiceField(
        grid.ORDERS,
        default=grid.RANDOM,
        error_messages={"invalid_choice": f"“{{input}}” is no order; there are {', '.join(grid.ORDERS)}."},
    )
    seed = serializers.IntegerField(
        default=1, min_value=0, max_value=LARGEST_ID, help_text="The same seed gives the same random order."
    )
    offset = serializers.IntegerField(default=0, min_value=0, max_value=LARGEST_ID)
    limit = serializers.IntegerField(default=100, min_value=1, max_value=500)
    around = serializers.IntegerField(
        default=None,
        min_value=1,
        max_value=LARGEST_ID,
        help_text="The id of a picture: the window of `limit` pictures that holds it, instead of `offset`.",
    )

    def as_request(self) -> grid.WindowRequest:
        """Return the validated request."""
        return grid.WindowRequest(**self.validated_data)


class CategoryStartSerializer(CategorySerializer):
    """A category and the offset of its first picture."""

    start = serializers.IntegerField()


class WindowSerializer(serializers.Serializer[Any]):
    """Some of a dataset's pictures in order; `categories` only when they are sorted by it."""

    total = serializers.IntegerField()
    offset = serializers.IntegerField()
    pictures = PictureSerializer(many=True)
    categories = CategoryStartSerializer(many=True)


class NewImageSerializer(serializers.Serializer[Any]):
    """A picture to add."""

    file = serializers.FileField()
    dataset = serializers.SlugRelatedField(slug_field="slug", queryset=Dataset.objects.all())
    label = serializers.CharField(required=False, allow_blank=True, max_length=200, default="")  # type: ignore[assignment]


class ArchiveSerializer(serializers.Serializer[Any]):
    """A zip of pictures to import."""

    file = serializers.FileField()


class JobSerializer(serializers.ModelSerializer[Job]):
    """A job and its progress; `failed` counts the files it could not use."""

    dataset: serializers.SlugRelatedField[Dataset] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True
    )
    failed = serializers.IntegerField(read_only=True)
    percent = serializers.IntegerField(read_only=True)
    active = serializers.BooleanField(read_only=True)

    class Meta:
        model = Job
        fields = [
            "id",
            "kind",
            "state",
            "dataset",
            "done",
            "total",
            "percent",
            "message",
            "error",
            "failed",
            "result",
            "active",
            "attempts",
            "created_at",
            "started_at",
            "finished_at",
        ]


class FailedFileSerializer(serializers.ModelSerializer[FailedFile]):
    """A file that could not be used, and why."""

    class Meta:
        model = FailedFile
        fields = ["id", "name", "code", "reason", "created_at"]


class NewImageResponseSerializer(serializers.Serializer[Any]):
    """A stored picture and the job that makes it searchable."""

    image = ImageSerializer()
    job = JobSerializer(allow_null=True)
