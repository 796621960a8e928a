"""Empties the database, the audit too."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import flush

from gallery.access import audit_triggers
from gallery.system.commands import SETTINGS


class Command(flush.Command):
    """Django's `flush`, which the triggers of the audit would refuse."""

    requires_system_checks = (SETTINGS,)

    def handle(self, **options: Any) -> None:
        """Let the entries of the audit go with everything else."""
        with audit_triggers.lifted(options["database"]):
            super().handle(**options)
