"""Searches with files and URLs from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

from django.core.files.storage import default_storage
from django.core.management.base import CommandError, CommandParser

from gallery.browse.where import EVERY_IMAGE
from gallery.browse.where_text import where_text
from gallery.errors import NotFoundError
from gallery.system.commands import ReportingCommand, positive
from search.live import answers, engine, found_answers
from search.live.document import Example, QueryDocument
from search.live.hits import ShownImage


class FoundImage(TypedDict):
    """One result."""

    rank: int
    image: int
    dataset: str
    label: str
    score: float | None
    url: str
    filename: str
    probability: float | None
    box: found_answers.Box


class SearchReport(TypedDict):
    """What was found, best first, and the milliseconds of each stage."""

    hits: list[FoundImage]
    timings_ms: answers.TimingsAnswer


class Command(ReportingCommand[SearchReport]):
    """`search_images FILE_OR_URL [--like F … --unlike F …] [--where EXPR] [--dataset SLUG] [--k 10]`."""

    # they load every address of the site, which takes longer than the search; `check` and `serve` run them
    requires_system_checks = ()

    help = (
        "Find the stored images most like a file or the image at a URL; without one, list those that "
        "--where finds."
    )
    examples = (
        "photo.jpg --dataset birds --k 20",
        "https://example.org/photo.jpg --json",
        "photo.jpg --like second.jpg --unlike other.jpg",
        'photo.jpg --where "label:wren width>=640 -format:gif"',
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the query and where to look."""
        parser.add_argument("query", nargs="?", help="a file, or an http(s) address")
        parser.add_argument("--like", nargs="+", default=[], metavar="FILE_OR_URL", help="and like these")
        parser.add_argument(
            "--unlike", nargs="+", default=[], metavar="FILE_OR_URL", help="but not like these"
        )
        parser.add_argument(
            "--where", default="", help='only these, as "label:wren width>=640 -format:gif"; default: all'
        )
        parser.add_argument("--dataset", help="slug of the dataset to search in; default: all")
        parser.add_argument(
            "--k", type=positive, default=10, help="how many results, at least 1; default: %(default)s"
        )

    def report(self, **options: Any) -> SearchReport:
        """Search and return hits with timings. Raises: WhereError for a filter that cannot be read."""
        like = [options["query"], *options["like"]] if options["query"] else options["like"]
        if not like and (options["unlike"] or not options["where"]):
            raise CommandError("Name a file or an address to search with, or a filter with --where.")
        found = engine.answered(
            QueryDocument(
                like=tuple(map(_example, like)),
                unlike=tuple(map(_example, options["unlike"])),
                where=where_text(options["where"]) if options["where"] else EVERY_IMAGE,
                datasets=(options["dataset"],) if options["dataset"] else (),
                k=options["k"],
            )
        )
        return {
            "hits": [_found_image(rank, *one) for rank, one in enumerate(found.shown_images, start=1)],
            "timings_ms": answers.timings_answer(found.timings_ms),
        }

    def show(self, report: SearchReport) -> None:
        """Print a line a hit."""
        for hit in report["hits"]:
            score = "    -" if hit["score"] is None else f"{hit['score']:.3f}"
            self.stdout.write(
                f"{hit['rank']:3d}  {score}  {hit['dataset']}/{hit['label']}  {hit['filename']}"
            )
        self.stdout.write(", ".join(f"{stage} {value} ms" for stage, value in report["timings_ms"].items()))


def _example(text: str) -> Example:
    """Return what a file or an address is as an example. Raises: NotFoundError."""
    if text.startswith(("http://", "https://")):
        return Example(url=text)
    path = Path(text)
    if not path.is_file():
        raise NotFoundError(f"There is no file at {path}.")
    return Example(data=path.read_bytes())


def _found_image(rank: int, score: float | None, image: ShownImage) -> FoundImage:
    # as the API answers, but for the address of its page: that would load every address of the site
    return {
        "rank": rank,
        "image": image.pk,
        "dataset": image.dataset,
        "label": image.category,
        "score": None if score is None else round(score, 6),
        "url": default_storage.url(image.file),
        "filename": image.filename,
        "probability": None,
        "box": None,
    }
