"""The search application: features, indexes, queries."""

from __future__ import annotations

from django.apps import AppConfig


class SearchConfig(AppConfig):
    """Connects the gallery's signals to extraction and indexing."""

    name = "search"

    def ready(self) -> None:
        """Import what registers itself."""
        from search import checks, dispatch  # noqa: F401
