"""Searches with files and URLs from the command line."""

from __future__ import annotations

from argparse import ArgumentTypeError
from dataclasses import replace
from pathlib import Path
from typing import Any, NotRequired, TypedDict, get_args

from django.core.files.storage import default_storage
from django.core.management.base import CommandError, CommandParser

from gallery.browse.where import EVERY_IMAGE
from gallery.browse.where_text import where_text
from gallery.errors import NotFoundError
from gallery.system.commands import ReportingCommand, positive
from search.extractors.resizing import Box
from search.live import engine
from search.live.answering import answers, found_answers
from search.live.answering.folded_answers import FoldedAnswer, GroupAnswer, folded_answer, group_answer
from search.live.document import Cutoff, CutoffMode, Example, Fold, Grouping, QueryDocument
from search.live.engine import Found
from search.live.finding.hits import Hit, ShownImage
from search.live.rest.box_fields import box_of_text

DEFAULT_K = 10


class FoundImage(found_answers.FoundRankedAnswer):
    """One result; `folded` are those that it stands for, with `--fold`."""

    dataset: str
    label: str
    url: str
    filename: str
    folded: NotRequired[list[FoldedAnswer]]


class CutoffValues(TypedDict):
    """A cut-off."""

    mode: CutoffMode
    at: float


class SearchReport(TypedDict):
    """What was found, best first, and the milliseconds of each stage.

    `below_cutoff` counts the hits below `--cutoff`; null without one, and where that is unknown. `groups` are
    those of the first hits, with `--group`.
    """

    hits: list[FoundImage]
    words: list[found_answers.WordAnswer]
    text: found_answers.TextAnswer | None
    cutoff: CutoffValues | None
    below_cutoff: int | None
    groups: NotRequired[list[GroupAnswer]]
    timings_ms: answers.TimingsAnswer


class Command(ReportingCommand[SearchReport]):
    """`search_images FILE_OR_URL [--like F … --unlike F … --box x0,y0,x1,y1] [--where EXPR] …`."""

    # they load every address of the site, which takes longer than the search; `check` and `serve` run them
    requires_system_checks = ()

    help = (
        "Find the stored images most like a file or the image at a URL, or those of a --word or a --text; "
        "without any, list those that --where finds."
    )
    examples = (
        "photo.jpg --dataset birds --k 20",
        "https://example.org/photo.jpg --json",
        "photo.jpg --like second.jpg --unlike other.jpg",
        "photo.jpg --box 0,0.25,0.5,1",
        "--word dog --dataset holiday",
        '--text "two dogs on a beach" --dataset holiday',
        "photo.jpg --dataset birds --cutoff 0.5",
        'photo.jpg --where "label:wren width>=640 -format:gif"',
        "photo.jpg --fold near --group cluster",
        '--saved "Old coins" --k 50',
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the query and where to look."""
        parser.add_argument("query", nargs="?", help="a file, or an http(s) address")
        parser.add_argument("--like", nargs="+", default=[], metavar="FILE_OR_URL", help="and like these")
        parser.add_argument(
            "--unlike", nargs="+", default=[], metavar="FILE_OR_URL", help="but not like these"
        )
        parser.add_argument(
            "--box",
            type=_box,
            metavar="x0,y0,x1,y1",
            help="search only with this part of the query: shares of the sides of the upright image, 0 to 1",
        )
        parser.add_argument(
            "--word",
            action="append",
            default=[],
            metavar="WORD",
            help="a label, a word that a classifier knows, or one of a file name or the metadata",
        )
        parser.add_argument(
            "--text",
            default="",
            help="what the images show, where a model that reads text is live (add_model)",
        )
        parser.add_argument(
            "--where", default="", help='only these, as "label:wren width>=640 -format:gif"; default: all'
        )
        parser.add_argument("--dataset", help="slug of the dataset to search in; default: all")
        parser.add_argument(
            "--k",
            type=positive,
            help="how many results, at least 1; default: 10, or as many as it was saved with",
        )
        parser.add_argument(
            "--saved",
            metavar="NAME",
            help="search with a saved search, by its name or number, and nothing else",
        )
        parser.add_argument(
            "--fold",
            choices=get_args(Fold),
            help="let one result stand for identical files, or for nearly identical images as well",
        )
        parser.add_argument(
            "--group", choices=get_args(Grouping), help="say which groups the first results fall into"
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
        found = engine.answered(_saved(options) if options["saved"] else _typed(options))
        cutoff = found.document.cutoff
        report: SearchReport = {
            "hits": _found_images(found),
            "words": found_answers.word_answers(found),
            "text": found_answers.text_answer(found),
            "cutoff": None if cutoff is None else {"mode": cutoff.mode, "at": cutoff.at},
            "below_cutoff": found.below_cutoff,
            "timings_ms": answers.timings_answer(found.timings_ms),
        }
        if found.groups is not None:
            report["groups"] = list(map(group_answer, found.groups))
        return report

    def show(self, report: SearchReport) -> None:
        """Print a line a group and a line a hit, those below the cut-off after a line that says so."""
        for group in report.get("groups", []):
            examples = ", ".join(map(str, group["like"]))
            self.stdout.write(f"{group['count']:5d}  {group['label'] or '-'}  as images {examples}")
        cutoff, below = report["cutoff"], []
        notes = [word["note"] for word in report["words"]]
        for note in filter(None, [*notes, report["text"]["note"] if report["text"] else ""]):
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
    folded = f"  and {len(hit['folded'])} like it" if hit.get("folded") else ""
    matched = "" if hit["matched"] is None else f"  ({hit['matched']})"
    where = f"{hit['dataset']}/{hit['label']}  {hit['filename']}"
    return f"{hit['rank']:3d}  {score}  {probability}{where}{matched}{folded}"


def _typed(options: dict[str, Any]) -> QueryDocument:
    """Return what the options ask. Raises: CommandError where they ask nothing; WhereError, NotFoundError."""
    like = [options["query"], *options["like"]] if options["query"] else options["like"]
    if options["text"] and (like or options["unlike"] or options["word"]):
        raise CommandError("--text is searched with alone, within --where and --dataset.")
    if not like and (options["unlike"] or not (options["where"] or options["word"] or options["text"])):
        raise CommandError(
            "Name a file or an address to search with, a --word, a --text, or a filter with --where."
        )
    if options["box"] and not options["query"]:
        raise CommandError("Name the file or the address that --box is a part of.")
    examples = tuple(map(_example, like))
    if options["box"]:
        examples = (replace(examples[0], box=options["box"]), *examples[1:])
    return QueryDocument(
        like=examples,
        unlike=tuple(map(_example, options["unlike"])),
        words=tuple(dict.fromkeys(options["word"])),
        text=options["text"].strip(),
        where=where_text(options["where"]) if options["where"] else EVERY_IMAGE,
        datasets=(options["dataset"],) if options["dataset"] else (),
        k=options["k"] or DEFAULT_K,
        cutoff=options["cutoff"],
        fold=options["fold"],
        group=options["group"],
    )


def _saved(options: dict[str, Any]) -> QueryDocument:
    """Return a saved search. Raises: CommandError for what it has itself; NotFoundError."""
    # a search that is typed has no need of what reads them
    from search.saved import rows, serializers

    if any(options[name] for name in ("query", "like", "unlike", "box", "word", "text", "where", "dataset")):
        raise CommandError("--saved says all that is searched for; --where takes one as saved:NUMBER.")
    document = serializers.document_of(rows.called(options["saved"], rows.viewer()))
    given = {name: options[name] for name in ("k", "cutoff", "fold", "group") if options[name] is not None}
    return replace(document, **given)


def _found_images(found: Found) -> list[FoundImage]:
    images = [_found_image(found, rank, *one) for rank, one in enumerate(found.shown_images, start=1)]
    for image, standing in zip(images, found.standing, strict=False):
        image["folded"] = folded_answer(standing)
    return images


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
        **found_answers.ranked(rank, hit, image, found),  # type: ignore[typeddict-item]  # it has nothing folded
        "dataset": image.dataset,
        "label": image.category,
        "url": default_storage.url(image.file),
        "filename": image.filename,
    }


def _box(text: str) -> Box | None:
    """Return a box as people type it. Raises: ArgumentTypeError."""
    try:
        return box_of_text(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is none. {error}") from error


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
