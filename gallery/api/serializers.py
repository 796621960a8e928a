"""Shapes of datasets, images, jobs and failed files in the REST interface.

A serializer makes the answer out of rows; where an answer is no row, a `TypedDict` says what it is.
"""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from gallery import jobs
from gallery.access import gate, policies
from gallery.api.strict import KnownFields
from gallery.browse import grid
from gallery.browse.paging import LARGEST_ID
from gallery.ingest import datasets, from_images
from gallery.ingest.sources import labels as label_rule
from gallery.models import Dataset, FailedFile, Image, Job
from gallery.public_text import public_text


class CategorySerializer(serializers.Serializer[Any]):
    """A category and how many images it has."""

    name = serializers.CharField()
    images = serializers.IntegerField()


class SentFileField(serializers.FileField):
    """A file of a form. What comes without a name of a file is a text to those who read forms."""

    default_error_messages = {"invalid": "Send a file: a part of a form that has a filename."}


@extend_schema_field(OpenApiTypes.URI)
class StoredFileField(serializers.FileField):
    """The address of a file that is always there."""


class DatasetSerializer(KnownFields, serializers.ModelSerializer[Dataset]):
    """A dataset; `images` counts its images."""

    images = serializers.IntegerField(source="image_count", read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Dataset
        fields = ["slug", "name", "description", "images", "created_at", "url"]

    def create(self, validated_data: dict[str, Any]) -> Dataset:
        """Store a new dataset."""
        return datasets.save(Dataset(**validated_data))

    def update(self, instance: Dataset, validated_data: dict[str, Any]) -> Dataset:
        """Store what is asked to change of a dataset."""
        for name, value in validated_data.items():
            setattr(instance, name, value)
        return datasets.save(instance)


class DatasetDetailSerializer(DatasetSerializer):
    """A dataset with its categories."""

    categories = CategorySerializer(many=True, read_only=True)

    class Meta(DatasetSerializer.Meta):
        fields = [*DatasetSerializer.Meta.fields, "categories"]


class ImageSerializer(serializers.ModelSerializer[Image]):
    """One image."""

    dataset: serializers.SlugRelatedField[Dataset] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True
    )
    label = serializers.CharField(source="category", read_only=True)  # type: ignore[assignment]
    labels: serializers.ListField = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="The label and further ones of the image."
    )
    external_id = serializers.CharField(
        read_only=True, allow_null=True, help_text="What another system knows it by."
    )
    metadata = serializers.DictField(read_only=True, help_text="What else is known of it, by name.")
    url = StoredFileField(source="file", read_only=True, use_url=True)
    thumbnail = StoredFileField(read_only=True, use_url=True)
    page_url = serializers.SerializerMethodField()

    class Meta:
        model = Image
        fields = [
            "id",
            "dataset",
            "label",
            "labels",
            "split",
            "external_id",
            "metadata",
            "filename",
            "url",
            "thumbnail",
            "page_url",
            "width",
            "height",
            "size_bytes",
            "format",
            "sha256",
            "created_at",
        ]

    def get_page_url(self, image: Image) -> str:
        """Return the address of the image's page."""
        return reverse("gallery:image", args=[image.dataset.slug, image.pk])


class AtlasAnswer(TypedDict):
    """The pages of small images of a dataset; cell c is on page c // per_page, row by row."""

    cell: Annotated[int, "Pixels a side."]
    columns: int
    per_page: int
    count: Annotated[int, "Cells in all."]
    pages: list[str]
    ids: Annotated[str, "Where a uint32 for each cell is: the image in it, 0 for none."]


class NewDatasetOfImagesSerializer(KnownFields, serializers.Serializer[Any]):
    """A dataset to make of stored images."""

    name = serializers.CharField(max_length=200)
    slug = serializers.SlugField(
        max_length=80,
        validators=[
            UniqueValidator(Dataset.objects.all(), message="There is a dataset with this slug already.")
        ],
    )
    images = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID),
        allow_empty=False,
        max_length=from_images.MOST_IMAGES,
    )


class WindowRequestSerializer(serializers.Serializer[Any]):
    """Which part of which order of a dataset's images."""

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
        help_text="The id of an image: the window of `limit` images that holds it, instead of `offset`.",
    )

    def as_request(self) -> grid.WindowRequest:
        """Return the validated request."""
        return grid.WindowRequest(**self.validated_data)


class ArchiveSerializer(KnownFields, serializers.Serializer[Any]):
    """An archive of images, or a single one, to import."""

    file = SentFileField(help_text="A zip, tar or tar.gz file, or an image.")
    labels = serializers.ChoiceField(
        label_rule.MODES,
        default=label_rule.NEAREST,
        help_text=f"Which folder is the label. {label_rule.RULE}",
    )


class WithErrors:
    """The part of a serializer whose rows keep errors in full: `kept_errors` names their fields."""

    kept_errors: tuple[str, ...] = ()
    context: Any

    def to_representation(self, row: Any) -> Any:
        """Return the row; where who asks is not known to run the site, errors as everybody may read them."""
        shown = super().to_representation(row)  # type: ignore[misc]  # of the serializer it is mixed into
        request = self.context.get("request")
        if any(shown[name] for name in self.kept_errors) and not (
            request and gate.lets_in(policies.DETAILS, request._request)
        ):
            shown |= {name: public_text(shown[name]) for name in self.kept_errors}
        return shown


class JobResultField(serializers.DictField):
    """What a job did: `jobs.register` was told for each kind what that is."""


class JobSerializer(WithErrors, serializers.ModelSerializer[Job]):
    """A job and its progress; `failed` counts the files it could not use."""

    kept_errors = ("error", "message")

    dataset: serializers.SlugRelatedField[Dataset] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True, allow_null=True
    )
    failed = serializers.IntegerField(source="failed_count", read_only=True)
    percent = serializers.IntegerField(read_only=True)
    outcome = serializers.CharField(
        read_only=True, help_text="The state, or “partly” where it succeeded but for some files."
    )
    active = serializers.BooleanField(read_only=True)
    retryable = serializers.SerializerMethodField(help_text="Whether it can be tried again.")
    result = JobResultField(read_only=True)

    def get_retryable(self, job: Job) -> bool:
        """Whether it can be tried again."""
        return jobs.retryable(job)

    class Meta:
        model = Job
        fields = [
            "id",
            "kind",
            "state",
            "outcome",
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
            "retryable",
            "created_at",
            "started_at",
            "finished_at",
        ]


class FailedFileSerializer(WithErrors, serializers.ModelSerializer[FailedFile]):
    """A file that could not be used, and why."""

    kept_errors = ("reason",)

    class Meta:
        model = FailedFile
        fields = ["id", "name", "code", "reason", "retry", "created_at"]


class FilesAgainSerializer(KnownFields, serializers.Serializer[Any]):
    """Which files to try again."""

    files = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID),
        allow_empty=False,
        max_length=1000,
        required=False,
        help_text="Numbers of failed files; all that wait without it.",
    )


class NewDatasetOfImagesResponseSerializer(DatasetSerializer):
    """A new dataset, and the job that copies the images into it."""

    job = serializers.SerializerMethodField()  # made of the context's

    class Meta(DatasetSerializer.Meta):
        fields = [*DatasetSerializer.Meta.fields, "job"]

    @extend_schema_field(JobSerializer)
    def get_job(self, dataset: Dataset) -> object:
        """Return the job as an answer shows it."""
        return JobSerializer(self.context["job"]).data
