"""Checks that files, rows and indexes agree, and mends what does not."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser

from gallery.system.commands import ReportingCommand
from search.maintenance import verification
from search.maintenance.verification import VerificationReport


class Command(ReportingCommand[VerificationReport]):
    """`verify [--repair]`."""

    wrong = False

    help = "Compare pictures, embeddings and indexes; --repair mends what differs."
    examples = (
        "",
        "--repair --json",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Offer the repair."""
        parser.add_argument("--repair", action="store_true", help="mend what differs")

    def report(self, **options: Any) -> VerificationReport:
        """Verify, perhaps repair and verify again."""
        found = verification.verify()
        if options["repair"] and not found.ok:
            for line in verification.repair():
                self.stderr.write(line)
            found = verification.verify()
        for problem in found.problems[:50]:
            self.stderr.write(problem)
        self.wrong = not found.ok
        return found.as_report()

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit with 1 when something is wrong."""
        super().handle(*args, **options)
        if self.wrong:
            sys.exit(1)
