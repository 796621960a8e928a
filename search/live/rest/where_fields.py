"""The filter of a search, as an object or as people type it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from gallery.browse.where import Where, WhereError
from gallery.browse.where_text import where_text
from gallery.browse.where_values import as_values, where_of


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "object", "additionalProperties": True}]})
class WhereField(serializers.Field[Any, Any, Any, Any]):
    """A filter, as an object or as people type it."""

    def to_internal_value(self, data: object) -> Where:
        """Return the filter. Raises: ValidationError."""
        try:
            return where_text(data) if isinstance(data, str) else where_of(data)
        except WhereError as error:
            raise serializers.ValidationError(error.detail) from error

    def to_representation(self, value: Where) -> object:
        """Return the filter as an object."""
        return as_values(value)


@extend_schema_field({"type": "string"})
class TypedWhereField(WhereField):
    """A filter as people type it."""
