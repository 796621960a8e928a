"""Migrates the database, one process at a time."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate

from gallery.system.locking import exclusive_lock


class Command(migrate.Command):
    """Django's `migrate`; of several that start at once, one works and the others then find nothing to do."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Wait for the others, then migrate."""
        with exclusive_lock("migrate"):
            super().handle(*args, **options)
