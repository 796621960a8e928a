"""Answers a search of the simple form: one image, vector or address in; a page of ranked images out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gallery.browse.where import EVERY_IMAGE, labelled_with
from gallery.models import Image
from search.live import engine
from search.live.document import Example, QueryDocument, Source
from search.live.engine import QUERY_EXPANSION as QUERY_EXPANSION
from search.live.finding.hits import Hit
from search.live.timings import Timings


@dataclass(frozen=True)
class SearchRequest:
    """What to search with (exactly one of the first four) and where; pages count from 1.

    `vector` holds the numbers of features as they are stored, of the configuration that is searched. `index`
    is asked by its number, instead of the live ones.
    """

    data: bytes | None = None
    url: str | None = None
    image_id: int | None = None
    vector: tuple[float, ...] | None = None
    index: int | None = None
    dataset: str | None = None
    label: str | None = None
    k: int = 20
    page: int = 1
    source: Source = "api"

    @property
    def kind(self) -> Literal["file", "url", "image", "vector"]:
        """What is searched with."""
        if self.vector is not None:
            return "vector"
        return "image" if self.image_id is not None else "url" if self.url is not None else "file"

    @property
    def document(self) -> QueryDocument:
        """The same as a query document."""
        return QueryDocument(
            like=(Example(image=self.image_id, url=self.url, vector=self.vector, data=self.data),),
            where=EVERY_IMAGE if self.label is None else labelled_with(self.label),
            datasets=() if self.dataset is None else (self.dataset,),
            index=self.index,
            k=self.k,
            skipped=(self.page - 1) * self.k,
            rated=False,  # the simple form answers with scores alone
            source=self.source,
        )


@dataclass
class SearchResponse:
    """The hits of one page, best first, and how they came about; `searched` counts the vectors looked at.

    `thumbnail` is a data: URL of a picture that pages cannot show themselves: one of another site, or of a
    format that browsers do not show.
    """

    request: SearchRequest
    hits: list[Hit] = field(default_factory=list)
    has_next: bool = False
    searched: int = 0
    image: Image | None = None
    width: int = 0
    height: int = 0
    thumbnail: str | None = None
    timings_ms: Timings = field(default_factory=Timings)


def search(request: SearchRequest) -> SearchResponse:
    """Answer a search. Raises: what `engine.answered` does."""
    found = engine.answered(request.document)
    (query,) = found.like
    return SearchResponse(
        request,
        hits=found.hits,
        has_next=found.has_next,
        searched=found.reached,
        image=query.image,
        width=query.width,
        height=query.height,
        thumbnail=query.thumbnail,
        timings_ms=found.timings_ms,
    )
