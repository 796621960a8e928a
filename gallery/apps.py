"""The gallery application: datasets, images, jobs."""

from __future__ import annotations

from django.apps import AppConfig


class GalleryConfig(AppConfig):
    """Registers the system checks, the import jobs and what goes with an atlas page."""

    name = "gallery"

    def ready(self) -> None:
        """Import what registers itself."""
        from gallery import atlases, checks, importing  # noqa: F401
