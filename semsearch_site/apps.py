"""The project as an application of Django: it brings the Celery application wherever Django is set up."""

from __future__ import annotations

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """Makes the Celery application the one that tasks are sent by."""

    name = "semsearch_site"

    def ready(self) -> None:
        """Load it."""
        from semsearch_site import celery  # noqa: F401
