"""Writes everything to one file while the site runs, or checks such a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

from django.core.management.base import CommandError, CommandParser

from gallery.system.commands import DONE, FAILED, ReportingCommand
from search.maintenance.backup import bundle
from search.maintenance.backup.backup import BackupReport, write_backup


class CheckReport(TypedDict):
    """What is damaged in a backup, by name."""

    ok: bool
    damaged: list[str]


class Command(ReportingCommand[BackupReport | CheckReport]):
    """`backup FILE [--no-pictures] [--with-derived]`, `backup --verify FILE`."""

    help = "Write database and images to one file while the site runs; --verify checks such a file."
    examples = (
        "/backups/monday",
        "/backups/monday --no-pictures --with-derived --json",
        "--verify /backups/monday",
    )

    def needs_home(self, options: dict[str, Any]) -> bool:
        """Check a backup on any machine."""
        return not options["verify"]

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the file and what goes into it."""
        parser.add_argument("file", type=Path, help="the backup")
        parser.add_argument("--verify", action="store_true", help="check a backup instead of writing one")
        parser.add_argument(
            "--no-pictures", action="store_true", help="rows only; originals are kept elsewhere"
        )
        parser.add_argument("--with-derived", action="store_true", help="also what can be computed again")

    def report(self, **options: Any) -> BackupReport | CheckReport:
        """Write the backup or check it."""
        path: Path = options["file"]
        try:
            if options["verify"]:
                damaged, _ = bundle.damage(path)
                return {"ok": not damaged, "damaged": damaged}
            return write_backup(path, originals=not options["no_pictures"], derived=options["with_derived"])
        except OSError as error:
            raise CommandError(f"{error.filename or path}: {error.strerror or error}") from error

    def status_of(self, report: BackupReport | CheckReport) -> int:
        """Say that a backup is damaged."""
        return FAILED if report.get("damaged") else DONE
