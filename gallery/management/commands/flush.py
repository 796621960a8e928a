"""Empties the database, the audit too."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import flush

from gallery.access import audit_triggers


class Command(flush.Command):
    """Django's `flush`, which the triggers of the audit would refuse."""

    def handle(self, **options: Any) -> None:
        """Let the entries of the audit go with everything else."""
        with audit_triggers.lifted(options["database"]):
            super().handle(**options)
