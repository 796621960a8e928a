"""The search application: features, indexes, queries."""

from __future__ import annotations

from contextlib import suppress

from django.apps import AppConfig

from gallery.errors import SemsearchError


class SearchConfig(AppConfig):
    """Connects the gallery's signals to extraction and indexing."""

    name = "search"

    def ready(self) -> None:
        """Import what registers itself, and name the networks that the settings add."""
        from django.conf import settings

        from search import checks, dispatch  # noqa: F401
        from search.extractors import registry

        # a system check says what is wrong with the setting
        with suppress(SemsearchError):
            registry.install(settings.EXTRA_NETWORKS, settings.CACHE_ROOT / "models")
