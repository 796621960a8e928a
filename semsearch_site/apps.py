"""The project as an application of Django: it brings the Celery application wherever Django is set up."""

from __future__ import annotations

import sys

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """Makes the Celery application the one that tasks are sent by."""

    name = "semsearch_site"

    def ready(self) -> None:
        """Load it, but in a command that sends no task."""
        if sys.argv[1:2] == ["search_images"]:
            return
        from semsearch_site import celery  # noqa: F401
