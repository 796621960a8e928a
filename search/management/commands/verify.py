"""Checks that files, rows and indexes agree, and mends what does not."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from gallery.system.commands import DONE, FAILED, ReportingCommand
from gallery.system.home import storage_mark
from search.job_results import VerificationReport
from search.maintenance import verification


class Command(ReportingCommand[VerificationReport]):
    """`verify [--repair] [--trust-storage]`."""

    help = "Compare images, files, embeddings and indexes; --repair mends what can be made again."
    examples = (
        "",
        "--repair --json",
        "--repair --trust-storage",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Offer the repair."""
        parser.add_argument(
            "--repair",
            action="store_true",
            help="make again what can be; hide images whose file is missing, take unknown originals in again",
        )
        parser.add_argument(
            "--trust-storage",
            action="store_true",
            help="the storage is the right one, though its mark or more than 2 %% of the images are missing",
        )

    def report(self, **options: Any) -> VerificationReport:
        """Verify, perhaps repair and verify again."""
        trusted = options["trust_storage"]
        if trusted:
            storage_mark.write()
        found = verification.verify(trusted=trusted)
        if options["repair"] and not found.ok:
            for line in verification.repair(trusted=trusted):
                self.stderr.write(line)
            found = verification.verify(trusted=trusted)
        for line in (*found.problems[:50], *found.notes):
            self.stderr.write(line)
        return found.as_report()

    def status_of(self, report: VerificationReport) -> int:
        """Say that something is wrong."""
        return DONE if report["ok"] else FAILED
