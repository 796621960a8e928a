"""Downloads the weights of networks, or says which files to bring."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from gallery.system import progress
from gallery.system.commands import DONE, FAILED, PARTLY, ReportingCommand
from gallery.system.home import homes
from search.features.library import weights
from search.features.library.weights import WeightsReport

MEGABYTE = 1_000_000


class Command(ReportingCommand[WeightsReport]):
    """`get_weights NAME... | all`."""

    help = "Download the weights of Keras' networks, check them, and say which files are to be brought."
    examples = ("vgg16 resnet50", "all --json")
    # the files belong to no data of the home
    needs_home = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the names."""
        parser.add_argument("names", nargs="+", metavar="NAME", help="a network, or all")

    def status_of(self, report: WeightsReport) -> int:
        """Say that some, or all, could not be had."""
        if not report["missing"]:
            return DONE
        return PARTLY if report["available"] else FAILED

    def report(self, **options: Any) -> WeightsReport:
        """Download one network after the other."""
        homes.refuse_root()
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
        """Show how far a download is."""
        progress.tell(done // MEGABYTE, total // MEGABYTE, f"{file}, MB")
