"""The description of the REST interface, which refuses what it does not know as the rest of it does."""

from __future__ import annotations

from typing import Any

from django.urls import get_script_prefix
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView

from gallery.api.schema import DESCRIBING, Schema
from gallery.api.strict import KnownParameters

MOST_PREFIXES = 8  # below which proxies have put the site
_made: dict[str, Schema] = {}


class KeptSchemaGenerator(SchemaGenerator):
    """Describes the interface once in a process: while that runs nothing changes in it."""

    def get_schema(self, request: Any = None, public: bool = False) -> Schema:
        """Return the whole description."""
        prefix = get_script_prefix()
        with DESCRIBING:
            if prefix not in _made:
                if len(_made) >= MOST_PREFIXES:
                    _made.clear()
                _made[prefix] = super().get_schema(request, public)  # type: ignore[no-untyped-call]
            return _made[prefix]


class SchemaView(KnownParameters, SpectacularAPIView):
    """Every operation, as OpenAPI 3."""

    generator_class = KeptSchemaGenerator
