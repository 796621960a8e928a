"""The gallery application: datasets, images, jobs."""

from __future__ import annotations

from django.apps import AppConfig


class GalleryConfig(AppConfig):
    """Registers the system checks and the import jobs."""

    name = "gallery"

    def ready(self) -> None:
        """Import what registers itself."""
        from gallery import checks, importing  # noqa: F401
