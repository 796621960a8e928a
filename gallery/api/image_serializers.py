"""What is asked of images in the REST interface, and what is sent to add and change them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, TypedDict

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from gallery.api.parsers import check_values
from gallery.api.serializers import ImageSerializer, JobSerializer, SentFileField
from gallery.api.strict import KnownFields
from gallery.browse.image_filter import ImageFilter
from gallery.browse.paging import LARGEST_ID
from gallery.browse.where_values import MOST_CONDITIONS
from gallery.ingest.image_changes import Changes, KnownAs, Labels
from gallery.models import Dataset

MOST_CHOSEN = 200
MOST_LABELS = 50  # that one request gives an image
LONGEST_METADATA = 64 * 2**10


class MetadataField(serializers.DictField):
    """What else is known of an image: an object of JSON, kept as it came."""

    default_error_messages = {"too_long": "Give at most {most} characters of JSON."}

    def to_internal_value(self, data: Any) -> dict[str, object]:
        """Return the object. Raises: ValidationError for one that is too long."""
        value: dict[str, object] = super().to_internal_value(data)
        if len(json.dumps(value)) > LONGEST_METADATA:
            self.fail("too_long", most=f"{LONGEST_METADATA:,}")
        return value


@extend_schema_field(serializers.CharField)
class MetadataText(MetadataField):
    """The same as text, for forms and addresses, which have nothing but texts."""

    default_error_messages = {"no_json": "Give an object of JSON, as {example}."}

    def get_value(self, dictionary: Any) -> Any:
        """Return the text: a form would otherwise be searched for fields called `metadata.…`."""
        return dictionary.get(self.field_name, serializers.empty)

    def to_internal_value(self, data: Any) -> dict[str, object]:
        """Return the object. Raises: ValidationError for what is none."""
        try:
            value = json.loads(data)
        except (TypeError, ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            self.fail("no_json", example='{"shelf": "A3"}')
        check_values(value)
        return super().to_internal_value(value)


def external_id(**more: Any) -> serializers.CharField:
    """Return the field of an external id."""
    about = "What another system knows it by; one image of a dataset has it."
    return serializers.CharField(required=False, max_length=200, help_text=about, **more)


def _is_number(key: str) -> bool:
    try:
        int(key)
    except ValueError:
        return False
    return True


class ImageFilterSerializer(serializers.Serializer[Any]):
    """Which images are asked for; those that have all of it."""

    dataset = serializers.CharField(
        required=False, allow_blank=True, help_text="Only of this dataset (slug)."
    )
    label = serializers.CharField(  # type: ignore[assignment]
        required=False, allow_blank=True, help_text="Only with this label; empty for unlabelled."
    )
    external_id = external_id()
    sha256 = serializers.RegexField(
        "^[0-9A-Fa-f]{64}$",
        required=False,
        help_text="Of the file.",
        error_messages={"invalid": "A SHA-256 has 64 hexadecimal digits."},
    )
    filename = serializers.CharField(required=False, max_length=500, help_text="The name that it came with.")
    metadata = MetadataText(
        required=False, help_text='With these values, as text of JSON: `{"shelf": "A3", "year": 1998}`.'
    )
    saved = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=LARGEST_ID,
        help_text="Only those of this saved search.",
    )
    ids = serializers.CharField(
        required=False,
        help_text=f"Numbers with commas, at most {MOST_CHOSEN}; on one page, in this order.",
    )

    def validate_sha256(self, value: str) -> str:
        """Return it as it is stored."""
        return value.lower()

    def validate_metadata(self, value: dict[str, object]) -> dict[str, object]:
        """Refuse very many keys.

        Refused as well are those that databases take for a place in a list, or cannot write into the way to a
        value.
        """
        if len(value) > MOST_CONDITIONS:
            raise serializers.ValidationError(f"Ask for at most {MOST_CONDITIONS} keys at once.")
        for key in value:
            if '"' in key or _is_number(key):
                raise serializers.ValidationError(
                    f"{key} cannot be looked for: it is a whole number, or has a quotation mark in it."
                )
        return value

    def validate_ids(self, value: str) -> tuple[int, ...]:
        """Return the numbers, each once, in their order."""
        words = [word.strip() for word in value.split(",") if word.strip()]
        if not all(re.fullmatch("[0-9]{1,18}", word) for word in words):
            raise serializers.ValidationError("Give the numbers of images with commas between them.")
        ids = tuple(dict.fromkeys(int(word) for word in words))
        if len(ids) > MOST_CHOSEN:
            raise serializers.ValidationError(f"Ask for at most {MOST_CHOSEN} images at once.")
        return ids

    def as_request(self) -> ImageFilter:
        """Return the validated filter."""
        values = dict(self.validated_data)
        return ImageFilter(**values | {"dataset": values.get("dataset") or None})


class SomeImagesSerializer(ImageFilterSerializer):
    """Which images are changed or deleted together: never all of the site."""

    dataset = serializers.CharField(required=False, help_text="Only of this dataset (slug).")

    def validate(self, attrs: Mapping[str, object]) -> Mapping[str, object]:
        """Require that something is asked for: an empty label alone is what a script sends by mistake."""
        if not any(attrs.values()):
            raise serializers.ValidationError(
                "Say which images, as ?dataset=birds or ?ids=1,2,3: nothing is done to all of them."
            )
        return attrs


class NewImageSerializer(KnownFields, serializers.Serializer[Any]):
    """An image to add."""

    file = SentFileField()
    dataset = serializers.SlugRelatedField(slug_field="slug", queryset=Dataset.objects.all())
    label = serializers.CharField(required=False, allow_blank=True, max_length=200, default="")  # type: ignore[assignment]
    external_id = external_id()
    metadata = MetadataText(required=False, help_text="What else is known of it: an object of JSON, as text.")

    def known_as(self) -> KnownAs:
        """Return what another system knows of it."""
        values = self.validated_data
        return KnownAs(values.get("external_id"), values.get("metadata", {}))


class LabelSerializer(KnownFields, serializers.Serializer[Any]):
    """The labels that images get: `label`, beside which further ones stay, or all of them as `labels`."""

    label = serializers.CharField(  # type: ignore[assignment]
        required=False, allow_blank=True, max_length=200, help_text="Empty for none at all."
    )
    labels = serializers.ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        max_length=MOST_LABELS,
        help_text="The label and further ones, empty for none at all.",
    )

    needed = True

    def validate(self, attrs: Mapping[str, object]) -> Mapping[str, object]:
        """Refuse two answers to one question, and none where there has to be one."""
        given = attrs.keys() & {"label", "labels"}
        if len(given) > 1 or (self.needed and not given):
            raise serializers.ValidationError("Give either `label` or `labels`.")
        return attrs

    def as_labels(self) -> Labels:
        """Return the labels. Raises: KeyError where none are given."""
        values = self.validated_data
        return Labels.of(values["labels"]) if "labels" in values else Labels(values["label"])


class ImageChangeSerializer(LabelSerializer):
    """What is to change of an image; what is not said stays. `metadata` is replaced as a whole."""

    needed = False

    external_id = external_id(allow_null=True)
    metadata = MetadataField(required=False, help_text="An object of JSON.")

    def as_changes(self) -> Changes:
        """Return what is to change."""
        values: dict[str, Any] = dict(self.validated_data)
        changes: Changes = {}
        if "external_id" in values:
            changes["external_id"] = values["external_id"]
        if "metadata" in values:
            changes["metadata"] = values["metadata"]
        if values.keys() & {"label", "labels"}:
            changes["labels"] = self.as_labels()
        return changes


class ManyImagesAnswer(TypedDict):
    """What was done to many images; who asks again does it to those that are left."""

    images: Annotated[int, "How many were changed or deleted."]
    left: Annotated[int, "How many are still to do: one request does a part of many."]


class NewImageResponseSerializer(serializers.Serializer[Any]):
    """A stored image and the job that makes it searchable."""

    image = ImageSerializer()
    job = JobSerializer(allow_null=True)
