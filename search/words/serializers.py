"""What is asked of words in the REST interface."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from gallery.api.strict import KnownFields

TAKE, REMOVE = "take", "remove"


class CompletionSerializer(serializers.Serializer[Any]):
    """The beginning of a word."""

    text = serializers.CharField(max_length=100, help_text="What was typed so far.")
    dataset = serializers.CharField(
        required=False, max_length=80, help_text="Only with the labels of this one (slug)."
    )


class VerdictSerializer(KnownFields, serializers.Serializer[Any]):
    """What somebody says of a suggested word."""

    word = serializers.CharField(max_length=100, help_text="One that is suggested for the image.")
    verdict = serializers.ChoiceField(
        [TAKE, REMOVE], help_text="`take` makes it a label; what is removed stays removed."
    )
