"""The cut-off of a search, as a number or an object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from gallery.api.strict import KnownFields
from search.live.document import Cutoff

SHARE = {"type": "number", "minimum": 0, "maximum": 1}


class ShareField(serializers.FloatField):
    """A share, 0 to 1. What `float` makes numbers of, as `true` and `"0.5"`, is refused."""

    def to_internal_value(self, data: Any) -> float:
        """Return the share. Raises: ValidationError."""
        if isinstance(data, bool) or not isinstance(data, int | float) or not 0 <= data <= 1:
            raise serializers.ValidationError("A number from 0 to 1 is required.")
        return float(data)


class CutoffSerializer(KnownFields, serializers.Serializer[Any]):
    """Which hits are counted as below."""

    mode = serializers.ChoiceField(
        ["probability", "percentile"],
        required=False,
        default="probability",
        help_text="Of the query's category, or of random pairs: the share that is less near.",
    )
    at = ShareField(min_value=0, max_value=1, help_text="Hits with less are below.")


@extend_schema_field(
    {
        "oneOf": [
            SHARE,
            {
                "type": "object",
                "properties": {
                    "mode": {
                        "type": "string",
                        "enum": ["probability", "percentile"],
                        "default": "probability",
                    },
                    "at": SHARE,
                },
                "required": ["at"],
                "additionalProperties": False,
            },
        ],
        "example": 0.5,
    }
)
class CutoffField(serializers.Field[Cutoff, Any, Cutoff, Any]):
    """A probability, as a number, or `{"mode": "percentile", "at": 0.99}`."""

    def to_internal_value(self, data: Any) -> Cutoff:
        """Return the cut-off. Raises: ValidationError."""
        if isinstance(data, Mapping):
            return Cutoff(**CutoffSerializer().run_validation(data))
        return Cutoff("probability", ShareField().to_internal_value(data))
