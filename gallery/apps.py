"""The gallery application: datasets, images, jobs."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class GalleryConfig(AppConfig):
    """Registers the import jobs, puts the database's triggers, and holds the process to its cores."""

    name = "gallery"

    def ready(self) -> None:
        """Import what registers itself, have triggers put, and limit the process to its cores."""
        from django.conf import settings

        from gallery import checks, registration  # noqa: F401
        from gallery.access import audit_signals, audit_triggers  # noqa: F401
        from gallery.counts import counting
        from gallery.system.concurrency import cores

        for triggers in (counting.TRIGGERS, audit_triggers.TRIGGERS):
            pre_migrate.connect(triggers.remove, sender=self)
            post_migrate.connect(triggers.put, sender=self)
        cores.limit_cores(settings.ENGINE_THREADS)
