"""The search application: features, indexes, queries."""

from __future__ import annotations

import os
from contextlib import suppress

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate

from gallery.errors import SemsearchError


class SearchConfig(AppConfig):
    """Connects the gallery's signals to extraction and indexing, and lets the database count embeddings."""

    name = "search"

    def ready(self) -> None:
        """Import what registers itself, let the database count, and name the networks of the settings."""
        from django.conf import settings

        from search import checks, counting, registration  # noqa: F401
        from search.extractors.networks import keras_applications, registry

        keras_applications.look_in(settings.WEIGHTS_ROOT)
        # numba asks for it when it is imported
        os.environ.setdefault("NUMBA_CACHE_DIR", str(settings.CACHE_ROOT / "numba"))
        pre_migrate.connect(counting.TRIGGERS.remove, sender=self)
        post_migrate.connect(counting.TRIGGERS.put, sender=self)

        # a system check says what is wrong with the setting
        with suppress(SemsearchError):
            registry.install(
                settings.EXTRA_NETWORKS,
                settings.CACHE_ROOT / "models",
                settings.CONVERTED_NETWORKS,
                settings.MODELS_ROOT,
            )
