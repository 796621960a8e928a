"""Searches with a file or a URL from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

from django.core.files.storage import default_storage
from django.core.management.base import CommandParser

from gallery.errors import NotFoundError
from gallery.system.commands import ReportingCommand, positive
from search.live import answers
from search.live import query as live_query
from search.live.hits import Hit
from search.live.query import SearchRequest


class FoundImage(TypedDict):
    """One result."""

    rank: int
    image: int
    dataset: str
    label: str
    score: float
    url: str
    filename: str


class SearchReport(TypedDict):
    """What was found, best first, and the milliseconds of each stage."""

    hits: list[FoundImage]
    timings_ms: answers.TimingsAnswer


class Command(ReportingCommand[SearchReport]):
    """`search_images FILE_OR_URL [--dataset SLUG] [--k 10]`."""

    # they load every address of the site, which takes longer than the search; `check` and `serve` run them
    requires_system_checks = ()

    help = "Find the stored pictures most like a file or the picture at a URL."
    examples = (
        "photo.jpg --dataset birds --k 20",
        "https://example.org/photo.jpg --json",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the query and where to look."""
        parser.add_argument("query", help="a file, or an http(s) address")
        parser.add_argument("--dataset", help="slug of the dataset to search in; default: all")
        parser.add_argument(
            "--k", type=positive, default=10, help="how many results, at least 1; default: %(default)s"
        )

    def report(self, **options: Any) -> SearchReport:
        """Search and return hits with timings."""
        query: str = options["query"]
        where = {"dataset": options["dataset"], "k": options["k"]}
        if query.startswith(("http://", "https://")):
            request = SearchRequest(url=query, **where)
        else:
            path = Path(query)
            if not path.is_file():
                raise NotFoundError(f"There is no file at {path}.")
            request = SearchRequest(data=path.read_bytes(), **where)
        response = live_query.search(request)
        return {
            "hits": [_found_image(hit) for hit in response.hits],
            "timings_ms": answers.timings_answer(response.timings_ms),
        }

    def show(self, report: SearchReport) -> None:
        """Print a line a hit."""
        for hit in report["hits"]:
            self.stdout.write(
                f"{hit['rank']:3d}  {hit['score']:.3f}  {hit['dataset']}/{hit['label']}  {hit['filename']}"
            )
        self.stdout.write(", ".join(f"{stage} {value} ms" for stage, value in report["timings_ms"].items()))


def _found_image(hit: Hit) -> FoundImage:
    # as the API answers, but for the address of its page: that would load every address of the site
    return {
        "rank": hit.rank,
        "image": hit.image.pk,
        "dataset": hit.image.dataset,
        "label": hit.image.category,
        "score": round(hit.score, 6),
        "url": default_storage.url(hit.image.file),
        "filename": hit.image.filename,
    }
