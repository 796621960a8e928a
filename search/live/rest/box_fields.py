"""The part of an image in what is asked, as four numbers or as they stand in an address."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from search.extractors.resizing import WHOLE, Box

BOX = {
    "type": "array",
    "items": {"type": "number", "minimum": 0, "maximum": 1},
    "minItems": 4,
    "maxItems": 4,
    "example": [0, 0, 0.5, 1],
}
WORDS = "A box is x0, y0, x1, y1: shares of the sides of the upright image, from 0 to 1, x0 < x1 and y0 < y1."


def box_of(numbers: list[float]) -> Box | None:
    """Return a box of four numbers, None for all of the image. Raises: ValueError with what a box is."""
    if len(numbers) != 4 or not all(0 <= number <= 1 for number in numbers):
        raise ValueError(WORDS)
    x0, y0, x1, y1 = map(float, numbers)
    if x0 >= x1 or y0 >= y1:
        raise ValueError(WORDS)
    found = (x0, y0, x1, y1)
    return None if found == WHOLE else found


def box_of_text(text: str) -> Box | None:
    """Return the box of four numbers between commas. Raises: ValueError with what a box is."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(WORDS) from None
    return box_of(numbers)


@extend_schema_field(BOX)
class BoxField(serializers.Field[Any, Any, Any, Any]):
    """A box as a list of four numbers; null, or all of the image, is none."""

    def to_internal_value(self, data: object) -> Box | None:
        """Return the box. Raises: ValidationError."""
        numbers = data if isinstance(data, list) else []
        # true is a number in Python
        if any(isinstance(number, bool) or not isinstance(number, int | float) for number in numbers):
            raise serializers.ValidationError(WORDS)
        try:
            return box_of(numbers)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error


@extend_schema_field({"type": "string", "example": "0,0,0.5,1"})
class TypedBoxField(serializers.Field[Any, Any, Any, Any]):
    """A box as it stands in an address."""

    def to_internal_value(self, data: object) -> Box | None:
        """Return the box. Raises: ValidationError."""
        try:
            return box_of_text(str(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error
