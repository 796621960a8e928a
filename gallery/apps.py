"""The gallery application: datasets, images, jobs."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class GalleryConfig(AppConfig):
    """Registers the import jobs, lets the database count, and holds the process to its cores."""

    name = "gallery"

    def ready(self) -> None:
        """Import what registers itself, let the database count, and limit the process to its cores."""
        from django.conf import settings

        from gallery import checks, registration  # noqa: F401
        from gallery.counts import counting
        from gallery.system import cores

        pre_migrate.connect(counting.TRIGGERS.remove, sender=self)
        post_migrate.connect(counting.TRIGGERS.put, sender=self)
        cores.limit_cores(settings.ENGINE_THREADS)
