"""Writes the parts of the documents that are made from the code."""

from __future__ import annotations

from typing import Any, TypedDict

from gallery.system.commands import ReportingCommand


class ReferenceReport(TypedDict):
    """The documents that changed."""

    changed: list[str]


class Command(ReportingCommand[ReferenceReport]):
    """`write_reference`."""

    needs_home = False
    examples = ("", "--json")
    help = "Write the settings, commands, operations and formats of docs/reference as the code has them."

    def report(self, **options: Any) -> ReferenceReport:
        """Write what differs."""
        from semsearch_site.docs import reference

        return {"changed": reference.write(reference.ROOT)}

    def show(self, report: ReferenceReport) -> None:
        """Name what changed."""
        changed = ", ".join(report["changed"])
        self.stdout.write(f"Written: {changed}" if changed else "The reference says what the code says.")
