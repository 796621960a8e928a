"""Makes the fields of a form once, and not anew for each request."""

from __future__ import annotations

from typing import Any

from django.utils.functional import cached_property

_fields: dict[type, Any] = {}


class SharedFields:
    """The part of a serializer whose instances share their fields: it stands before all others.

    Django REST Framework copies them for each instance, so that one can change its own. To copy those of a
    search took 0.26 ms of each (docs/explanation/lab/serving.md).
    A field must keep nothing of a request, nor ask the serializer for its context or whether it is partial.
    """

    @cached_property
    def fields(self) -> Any:
        """Return the fields by their names: those of an instance that nothing is asked of."""
        kind = type(self)
        if kind not in _fields:
            _fields[kind] = super(SharedFields, kind()).fields  # type: ignore[misc]  # of the serializer
        return _fields[kind]
