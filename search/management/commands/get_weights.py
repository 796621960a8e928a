"""Downloads the weights of networks, or says which files to bring."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser

from gallery.system.commands import ReportingCommand
from search.features import weights
from search.features.weights import WeightsReport

MEGABYTE = 1_000_000


class Command(ReportingCommand[WeightsReport]):
    """`get_weights NAME... | all`."""

    help = "Download the weights of Keras' networks, check them, and say which files are to be brought."
    # the files belong to no data of the home
    needs_home = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the names."""
        parser.add_argument("names", nargs="+", metavar="NAME", help="a network, or all")

    def report(self, **options: Any) -> WeightsReport:
        """Download one network after the other."""
        return weights.get(options["names"], self._told)

    def show(self, report: WeightsReport) -> None:
        """Say what can be used, and of the rest which file belongs where."""
        if report["available"]:
            self.stdout.write(f"Here: {', '.join(report['available'])}")
        for one in report["missing"]:
            self.stdout.write(f"\nNot here: {one['model']}. {one['reason']}")
            if one["file"]:
                self.stdout.write(f"  bring   {one['url']}\n  into    {one['folder']}")
                self.stdout.write(f"  MD5     {one['md5'] or 'not published'}")

    def _told(self, file: str, done: int, total: int) -> None:
        """Show how far a download is, where somebody looks on."""
        if sys.stderr.isatty():
            whole = f" of {total / MEGABYTE:.1f}" if total else ""
            sys.stderr.write(f"\r{file}: {done / MEGABYTE:.1f}{whole} MB" + ("\n" if done == total else ""))
            sys.stderr.flush()
