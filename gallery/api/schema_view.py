"""The description of the REST interface, which refuses what it does not know as the rest of it does."""

from __future__ import annotations

from drf_spectacular.views import SpectacularAPIView

from gallery.api.strict import KnownParameters


class SchemaView(KnownParameters, SpectacularAPIView):
    """Every operation, as OpenAPI 3."""
