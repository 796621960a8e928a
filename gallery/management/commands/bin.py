"""Shows what lies in the bin, brings it back, or empties it."""

from __future__ import annotations

from typing import Any, TypedDict

from django.core.management.base import CommandParser

from gallery.browse import bin_contents
from gallery.errors import NotFoundError
from gallery.ingest.removals import bin
from gallery.system.commands import ReportingCommand


class BinReport(TypedDict):
    """What was brought back or removed, and what lies in the bin then."""

    restored: int
    removed: int
    datasets: int
    images: int
    bytes: int


class Command(ReportingCommand[BinReport]):
    """`bin [--restore-dataset SLUG] [--restore-images ID …] [--empty] [--empty-all]`."""

    help = "Show what lies in the bin; restore from it, or remove what lies there for good."
    examples = (
        "",
        "--restore-dataset birds",
        "--restore-images 12 14",
        "--empty --json",
        "--empty-all",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Offer what can be done with it."""
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--restore-dataset", metavar="SLUG", help="the slug that it had, the latest of it")
        what.add_argument("--restore-images", metavar="ID", type=int, nargs="+", help="numbers of images")
        what.add_argument("--empty", action="store_true", help="remove what has lain there for TRASH_DAYS")
        what.add_argument("--empty-all", action="store_true", help="remove everything that lies there now")

    def report(self, **options: Any) -> BinReport:
        """Do what is asked."""
        restored = removed = 0
        if slug := options["restore_dataset"]:
            self._restore_dataset(slug)
            restored = 1
        elif ids := options["restore_images"]:
            restored = len(bin.restore_images(ids))
        elif options["empty"] or options["empty_all"]:
            removed = sum(bin.empty(everything=options["empty_all"]))
        size = bin_contents.size()
        return {
            "restored": restored,
            "removed": removed,
            "datasets": size.datasets,
            "images": size.images,
            "bytes": size.bytes,
        }

    def _restore_dataset(self, slug: str) -> None:
        found = bin_contents.binned_datasets().filter(deleted_slug=slug).order_by("-deleted_at").first()
        if found is None:
            raise NotFoundError(f"There is no dataset called {slug} in the bin.")
        restored = bin.restore_dataset(found.pk)
        if restored.slug != slug:
            self.stderr.write(f"Another dataset is called {slug} by now: it is back as {restored.slug}.")
