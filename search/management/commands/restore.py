"""Brings an empty home to the state of a backup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from gallery.system.commands import ReportingCommand
from search.maintenance.backup.backup import BackupReport
from search.maintenance.backup.restore import restore_backup


class Command(ReportingCommand[BackupReport]):
    """`restore FILE`."""

    help = "Read a backup into an empty home; everything is checked before anything is written."
    # the database gets the tables of the backup first
    needs_home = False
    examples = ("/backups/monday --json",)

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the file."""
        parser.add_argument("file", type=Path, help="the backup")

    def report(self, **options: Any) -> BackupReport:
        """Restore."""
        path: Path = options["file"]
        try:
            return restore_backup(path)
        except OSError as error:
            raise CommandError(f"{error.filename or path}: {error.strerror or error}") from error
