"""Searches with files and URLs from the command line."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any, TypedDict

from django.core.files.storage import default_storage
from django.core.management.base import CommandError, CommandParser

from gallery.browse.where import EVERY_IMAGE
from gallery.browse.where_text import where_text
from gallery.errors import NotFoundError
from gallery.system.commands import ReportingCommand, positive
from search.live import answers, engine, found_answers
from search.live.document import Cutoff, CutoffMode, Example, QueryDocument
from search.live.hits import Hit, ShownImage


class FoundImage(found_answers.FoundRankedAnswer):
    """One result."""

    dataset: str
    label: str
    url: str
    filename: str


class CutoffValues(TypedDict):
    """A cut-off."""

    mode: CutoffMode
    at: float


class SearchReport(TypedDict):
    """What was found, best first, and the milliseconds of each stage.

    `below_cutoff` counts the hits below `--cutoff`; null without one, and where that is unknown.
    """

    hits: list[FoundImage]
    words: list[found_answers.WordAnswer]
    cutoff: CutoffValues | None
    below_cutoff: int | None
    timings_ms: answers.TimingsAnswer


class Command(ReportingCommand[SearchReport]):
    """`search_images FILE_OR_URL [--like F … --unlike F …] [--where EXPR] [--dataset SLUG] [--k 10] …`."""

    # they load every address of the site, which takes longer than the search; `check` and `serve` run them
    requires_system_checks = ()

    help = (
        "Find the stored images most like a file or the image at a URL, or those of a --word; without any, "
        "list those that --where finds."
    )
    examples = (
        "photo.jpg --dataset birds --k 20",
        "https://example.org/photo.jpg --json",
        "photo.jpg --like second.jpg --unlike other.jpg",
        "--word dog --dataset holiday",
        "photo.jpg --dataset birds --cutoff 0.5",
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
            "--word",
            action="append",
            default=[],
            metavar="WORD",
            help="a label, a word that a classifier knows, or one of a file name or the metadata",
        )
        parser.add_argument(
            "--where", default="", help='only these, as "label:wren width>=640 -format:gif"; default: all'
        )
        parser.add_argument("--dataset", help="slug of the dataset to search in; default: all")
        parser.add_argument(
            "--k", type=positive, default=10, help="how many results, at least 1; default: %(default)s"
        )
        parser.add_argument(
            "--cutoff",
            type=_cutoff,
            metavar="AT",
            help="draw a line below hits that are of the query's category with a probability of 0 to 1; "
            "percentile:AT: below those nearer than this share of random pairs",
        )

    def report(self, **options: Any) -> SearchReport:
        """Search and return hits with timings. Raises: WhereError for a filter that cannot be read."""
        like = [options["query"], *options["like"]] if options["query"] else options["like"]
        if not like and (options["unlike"] or not (options["where"] or options["word"])):
            raise CommandError(
                "Name a file or an address to search with, a --word, or a filter with --where."
            )
        found = engine.answered(
            QueryDocument(
                like=tuple(map(_example, like)),
                unlike=tuple(map(_example, options["unlike"])),
                words=tuple(dict.fromkeys(options["word"])),
                where=where_text(options["where"]) if options["where"] else EVERY_IMAGE,
                datasets=(options["dataset"],) if options["dataset"] else (),
                k=options["k"],
                cutoff=options["cutoff"],
            )
        )
        cutoff: Cutoff | None = options["cutoff"]
        return {
            "hits": [_found_image(found, rank, *one) for rank, one in enumerate(found.shown_images, start=1)],
            "words": found_answers.word_answers(found),
            "cutoff": None if cutoff is None else {"mode": cutoff.mode, "at": cutoff.at},
            "below_cutoff": found.below_cutoff,
            "timings_ms": answers.timings_answer(found.timings_ms),
        }

    def show(self, report: SearchReport) -> None:
        """Print a line a hit, those below the cut-off after a line that says so."""
        cutoff, below = report["cutoff"], []
        for note in filter(None, (word["note"] for word in report["words"])):
            self.stderr.write(note)
        for hit in report["hits"]:
            value = hit[cutoff["mode"]] if cutoff else None
            if cutoff and value is not None and value < cutoff["at"]:
                below.append(hit)
            else:
                self.stdout.write(_line(hit))
        if cutoff and report["below_cutoff"] is None:
            self.stderr.write(f"How the hits compare with the cut-off is unknown: no {cutoff['mode']} here.")
        if below:
            self.stdout.write(f"---  {len(below)} below the cut-off")
        for hit in below:
            self.stdout.write(_line(hit))
        self.stdout.write(", ".join(f"{stage} {value} ms" for stage, value in report["timings_ms"].items()))


def _line(hit: FoundImage) -> str:
    score = "    -" if hit["score"] is None else f"{hit['score']:.3f}"
    probability = "" if hit["probability"] is None else f"{hit['probability']:5.0%}  "
    matched = "" if hit["matched"] is None else f"  ({hit['matched']})"
    return (
        f"{hit['rank']:3d}  {score}  {probability}{hit['dataset']}/{hit['label']}  {hit['filename']}{matched}"
    )


def _example(text: str) -> Example:
    """Return what a file or an address is as an example. Raises: NotFoundError."""
    if text.startswith(("http://", "https://")):
        return Example(url=text)
    path = Path(text)
    if not path.is_file():
        raise NotFoundError(f"There is no file at {path}.")
    return Example(data=path.read_bytes())


def _found_image(found: engine.Found, rank: int, hit: Hit | None, image: ShownImage) -> FoundImage:
    # as the API answers, but for the address of its page: that would load every address of the site
    return {
        **found_answers.ranked(rank, hit, image, found),
        "dataset": image.dataset,
        "label": image.category,
        "url": default_storage.url(image.file),
        "filename": image.filename,
    }


def _cutoff(text: str) -> Cutoff:
    """Return a cut-off as people type it. Raises: ArgumentTypeError."""
    name, _, number = text.rpartition(":")
    modes: dict[str, CutoffMode] = {
        "": "probability",
        "probability": "probability",
        "percentile": "percentile",
    }
    try:
        at = float(number)
    except ValueError:
        at = -1.0
    if name not in modes or not 0 <= at <= 1:
        raise ArgumentTypeError(f"{text!r} is no number from 0 to 1, nor percentile: with one.")
    return Cutoff(modes[name], at)
