"""What a search answers, as plain values."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from django.core.files.storage import default_storage

from gallery.browse.image_summaries import Addresses
from search.live.finding.hits import Hit, ShownImage, shown
from search.live.query import SearchResponse
from search.live.timings import Timings


class QueryImageAnswer(TypedDict):
    """The stored image that was searched with."""

    id: int
    dataset: str
    label: str
    url: str
    thumbnail: str
    filename: str


class QueryAnswer(TypedDict):
    """What was searched with."""

    kind: Literal["file", "url", "image", "vector"]
    image: QueryImageAnswer | None
    url: str | None
    thumbnail: Annotated[str | None, "The fetched image, small, as a data: URL; only of a search by `url`."]
    width: int
    height: int


class ImageValues(TypedDict):
    """What is shown of the image of a hit."""

    width: int
    height: int
    page_url: str
    dataset: str
    label: str
    external_id: str | None
    url: str
    thumbnail: str
    filename: str
    sha256: Annotated[str, "Of the file: the same image in another dataset has the same."]


class RankedAnswer(TypedDict):
    """The place of a result."""

    rank: int
    image: int
    score: float


class HitAnswer(RankedAnswer, ImageValues):
    """One ranked result; `score` is a cosine, higher is nearer."""


class TimingsAnswer(TypedDict):
    """Milliseconds of each stage."""

    decode: float
    extract: float
    search: float
    rerank: float
    load: float
    total: float


class SearchAnswer(TypedDict):
    """One page of results."""

    query: QueryAnswer
    dataset: str | None
    label: str | None
    k: int
    page: int
    has_next: bool
    searched: Annotated[int, "How many vectors could have been found."]
    hits: list[HitAnswer]
    timings_ms: TimingsAnswer


def search_answer(response: SearchResponse) -> SearchAnswer:
    """Return an answered search as plain values."""
    request = response.request
    return {
        "query": _query(response),
        "dataset": request.dataset,
        "label": request.label,
        "k": request.k,
        "page": request.page,
        "has_next": response.has_next,
        "searched": response.searched,
        "hits": hit_answers(response.hits),
        "timings_ms": timings_answer(response.timings_ms),
    }


def hit_answers(hits: list[Hit]) -> list[HitAnswer]:
    """Return hits as plain values."""
    addresses = Addresses()
    return [_hit(hit, addresses) for hit in hits]


def timings_answer(timings: Timings) -> TimingsAnswer:
    """Return the stages in milliseconds, rounded."""
    return {
        "decode": round(timings.decode, 2),
        "extract": round(timings.extract, 2),
        "search": round(timings.search, 2),
        "rerank": round(timings.rerank, 2),
        "load": round(timings.load, 2),
        "total": round(timings.total, 2),
    }


def _query(response: SearchResponse) -> QueryAnswer:
    request = response.request
    return {
        "kind": request.kind,
        "image": query_image(shown(response.image)) if response.image else None,
        "url": request.url,
        "thumbnail": response.thumbnail,
        "width": response.width,
        "height": response.height,
    }


def query_image(image: ShownImage) -> QueryImageAnswer:
    """Return what is shown of a stored image that was searched with."""
    return {
        "id": image.pk,
        "dataset": image.dataset,
        "label": image.category,
        "url": default_storage.url(image.file),
        "thumbnail": default_storage.url(image.thumbnail),
        "filename": image.filename,
    }


def _hit(hit: Hit, addresses: Addresses) -> HitAnswer:
    return {
        "rank": hit.rank,
        "image": hit.image.pk,
        "score": round(hit.score, 6),
        **image_values(hit.image, addresses),
    }


def image_values(image: ShownImage, addresses: Addresses) -> ImageValues:
    """Return what is shown of the image of a hit."""
    return {
        "width": image.width,
        "height": image.height,
        "page_url": addresses.page(image.dataset, image.pk),
        "dataset": image.dataset,
        "label": image.category,
        "external_id": image.external_id,
        "url": addresses.file(image.file),
        "thumbnail": addresses.file(image.thumbnail),
        "filename": image.filename,
        "sha256": image.sha256,
    }
