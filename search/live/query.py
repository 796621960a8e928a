"""Answers a search: picture, URL or indexed image in; ranked images with timings out."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from django.core.files.storage import default_storage
from numpy.typing import NDArray

from gallery.errors import NotFoundError, NothingIndexedError, SemsearchError
from gallery.imaging import decoding, thumbnails
from gallery.imaging.limits import image_limits
from gallery.ingest.fetching import fetch_image
from gallery.models import Dataset, Image
from gallery.system import measures
from gallery.system.storage import StorageUnavailableError, storage_errors
from search.embedding import vector_import
from search.embedding.vector_import import MadeElsewhereError
from search.features import loaded_extractors
from search.index.base import NO_ID, half_precision
from search.index.live import Expansion
from search.indexing import database_vectors, snapshots
from search.live.compiled_queries import live_indexes
from search.live.hits import Candidate, Hit, hits_of
from search.models import Embedding, SearchIndex
from search.types import RGB, FeatureConfig, Ids

# How a live query is asked; chosen by experiment, see docs/explanation/choosing-the-default.md
QUERY_EXPANSION: Expansion | None = Expansion(neighbours=2, alpha=1.0)
# How many candidates of each of several datasets are merged at a time
MERGED_BLOCK = 500
SHOWN_QUERY_SIDE = 320  # pixels, of the long side

Kind: TypeAlias = Literal["file", "url", "image", "vector"]
Source: TypeAlias = Literal["page", "api"]


class WrongVectorError(SemsearchError):
    """A vector is of another configuration than the one that is searched."""

    code = "invalid"


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
    def kind(self) -> Kind:
        """What is searched with."""
        if self.vector is not None:
            return "vector"
        return "image" if self.image_id is not None else "url" if self.url is not None else "file"


@dataclass
class Timings:
    """Milliseconds of each stage of a search, and how to measure them."""

    decode: float = 0.0
    extract: float = 0.0
    search: float = 0.0
    rerank: float = 0.0
    load: float = 0.0
    total: float = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            setattr(self, name, getattr(self, name) + (time.perf_counter() - started) * 1000)

    def as_seconds(self) -> dict[str, float]:
        """Return the seconds of each stage."""
        return {stage: spent / 1000 for stage, spent in vars(self).items()}


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


@dataclass(frozen=True)
class IndexQuery:
    """What one index is asked: the vector (d,) under its spec, and the query's own id (1,) to leave out."""

    index: SearchIndex
    vector: NDArray[np.float32]
    own_id: Ids | None


@dataclass
class Query:
    """The query image; its vector is made once for each configuration that is asked."""

    image: Image | None
    rgb: RGB | None
    timings: Timings
    given: NDArray[np.float32] | None = None
    _vectors: dict[FeatureConfig, NDArray[np.float32]] = field(default_factory=dict)

    def asked_of(self, index: SearchIndex) -> IndexQuery:
        """Return what an index is asked; a stored image never finds itself."""
        return IndexQuery(index, self._vector(index), self._own_id(index))

    def _vector(self, index: SearchIndex) -> NDArray[np.float32]:
        config = index.spec.config
        if self.given is not None:
            return self._given(index, self.given)
        if config not in self._vectors:
            self._vectors[config] = (
                self._stored(index) if self.rgb is None else self._extracted(config, self.rgb)
            )
        return self._vectors[config]

    def _given(self, index: SearchIndex, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(vector) != index.spec.dims:
            raise WrongVectorError(
                f"The vector has {len(vector)} numbers; the features of {index.dataset.slug} have "
                f"{index.spec.dims} ({index.spec}). Name the `dataset` that it is of."
            )
        return vector

    def _own_id(self, index: SearchIndex) -> Ids | None:
        if self.image is None or self.image.dataset_id != index.dataset_id:
            return None
        with self.timings.stage("load"):
            own = (
                database_vectors.embeddings(index)
                .filter(image=self.image)
                .values_list("pk", flat=True)
                .first()
            )
        return None if own is None else np.array([own], dtype=np.int64)

    def _stored(self, index: SearchIndex) -> NDArray[np.float32]:
        assert self.image is not None
        with self.timings.stage("load"):
            row = Embedding.objects.filter(image=self.image, spec=index.spec_id).first()
        if row is not None:
            return np.frombuffer(bytes(row.vector), dtype="<f2").astype(np.float32)
        _require_network(index)
        with self.timings.stage("decode"):
            data = _stored_bytes(self.image)
            rgb = decoding.decode(data, image_limits(), shortest_side=index.spec.input_size)
        return self._extracted(index.spec.config, rgb)

    def _extracted(self, config: FeatureConfig, rgb: RGB) -> NDArray[np.float32]:
        with self.timings.stage("extract"):
            vector = loaded_extractors.extractor(config).extract_query(rgb)
        # as stored vectors are: the same image is then the same vector, however little a centre leaves of it
        return np.asarray(half_precision(vector[None], len(vector))[0], dtype=np.float32)


def search(request: SearchRequest) -> SearchResponse:
    """Answer a search.

    Raises: NotAnImageError, TooLargeError, AddressRefusedError, FetchFailedError, BusyError for the picture;
    WrongVectorError for a vector;
    NotFoundError for an unknown dataset or image; NothingIndexedError when there is nothing to search.
    """
    response = SearchResponse(request)
    try:
        _answer(request, response)
    except Exception as error:
        code = getattr(error, "code", "error")
        ours = isinstance(error, SemsearchError) and error.status < 500
        measures.here().search_ended(request.source, request.kind, "refused" if ours else "failed")
        measures.here().failed("search", code)
        raise
    measures.here().search_ended(request.source, request.kind, "answered")
    measures.here().search_stages(response.timings_ms.as_seconds())
    return response


def _answer(request: SearchRequest, response: SearchResponse) -> None:
    timings = response.timings_ms
    with timings.stage("total"):
        indexes = _indexes(request)
        query = _query(request, response, indexes)
        _require_indexes(indexes, request)
        queries = [query.asked_of(index) for index in indexes]
        wanted = request.page * request.k + 1
        found: list[Hit] = []
        fetched = wanted
        # the database decides what exists: when it drops candidates, more are asked for
        while True:
            candidates = _candidates(queries, fetched, response)
            with timings.stage("load"):
                found = hits_of(candidates, query.image)
            if len(found) >= wanted or len(candidates) < fetched:
                break
            fetched *= 2
        response.has_next = len(found) >= wanted
        response.hits = found[(request.page - 1) * request.k : request.page * request.k]


def _indexes(request: SearchRequest) -> list[SearchIndex]:
    if request.index is None:
        return live_indexes(request.dataset)
    found = SearchIndex.objects.select_related("spec").filter(
        pk=request.index, dataset__in=Dataset.objects.all()
    )
    if request.dataset is not None:
        found = found.filter(dataset__slug=request.dataset)
    if not found:
        raise NotFoundError(f"There is no index {request.index} of what is searched; /indexes/ lists them.")
    if request.image_id is None and request.vector is None:
        _require_network(found[0])
    return list(found)


def _require_network(index: SearchIndex) -> None:
    if index.spec.model == vector_import.MODEL:
        raise MadeElsewhereError(
            f"The features called {index.spec.layer} are made elsewhere, so no picture gets them here: "
            "search with an image that has them, or with a vector."
        )


def _query(request: SearchRequest, response: SearchResponse, indexes: list[SearchIndex]) -> Query:
    timings = response.timings_ms
    if request.image_id is not None:
        image = Image.objects.select_related("dataset").filter(pk=request.image_id).first()
        if image is None:
            raise NotFoundError(f"There is no image {request.image_id}; it may have been deleted.")
        response.image, response.width, response.height = image, image.width, image.height
        return Query(image, None, timings)
    if request.vector is not None:
        return Query(None, None, timings, np.array(request.vector, dtype=np.float32))
    data = request.data
    if data is None:
        with timings.stage("load"):
            data = fetch_image(request.url or "").data
    with timings.stage("decode"):
        largest = max((index.spec.input_size for index in indexes), default=None)
        facts, rgb = decoding.decode_with_facts(data, image_limits(), shortest_side=largest)
    response.width, response.height = facts.width, facts.height
    if request.url is not None or not decoding.in_browsers(facts.format):
        with timings.stage("load"):
            response.thumbnail = _data_url(thumbnails.thumbnail(rgb, SHOWN_QUERY_SIDE))
    return Query(None, rgb, timings)


def _stored_bytes(image: Image) -> bytes:
    try:
        with storage_errors(), default_storage.open(str(image.file.name)) as file:
            data: bytes = file.read()
    except StorageUnavailableError:
        raise
    except OSError as error:
        raise NotFoundError(f"The file of image {image.pk} is gone; it may have been deleted.") from error
    return data


def _data_url(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def _require_indexes(indexes: list[SearchIndex], request: SearchRequest) -> None:
    """Raise why nothing can be searched, where nothing can; a picture that is none is said before."""
    if indexes:
        return
    if request.dataset is not None:
        Dataset.objects.called(request.dataset)
    raise NothingIndexedError(
        "Nothing is indexed yet: add pictures on the admin's “Upload images” page or with "
        "`manage.py import_dataset`, and wait for their job to end."
    )


def _candidates(queries: list[IndexQuery], count: int, response: SearchResponse) -> list[Candidate]:
    """Return up to `count` candidates over all indexes, best first."""
    response.searched, label = 0, response.request.label
    found: list[Candidate] = []
    # merging orders anew: whole blocks are merged, so that the pages of a block share one order
    pool = count if len(queries) == 1 else -(-count // MERGED_BLOCK) * MERGED_BLOCK
    alike = len({query.index.spec_id for query in queries}) == 1
    for query in queries:
        with response.timings_ms.stage("load"):
            live = snapshots.searchable(query.index)
            allowed = _allowed(query.index, label)
        response.searched += live.count if allowed is None else len(allowed)
        with response.timings_ms.stage("search"):
            result = live.search(
                query.vector[None], pool, allowed, exclude_ids=query.own_id, expansion=QUERY_EXPANSION
            )
            ids, scores = result.ids[0], result.scores[0]
            ids, scores = ids[ids != NO_ID], scores[ids != NO_ID]
        merit = scores
        if len(queries) > 1:
            with response.timings_ms.stage("rerank"):
                # cosines of uncentred vectors mean the same in every dataset, if not in every layer
                scores = live.uncentred_scores(query.vector, ids)
                merit = scores if alike else live.standard_scores(query.vector, scores)
        found += [
            Candidate(float(score), int(pk), float(worth))
            for pk, score, worth in zip(ids, scores, merit, strict=True)
        ]
    found.sort(key=lambda candidate: (-candidate.merit, candidate.embedding_id))
    if not response.searched and label is None:
        raise NothingIndexedError("The pictures here have no features yet: wait for their job to end.")
    return found[:count]


def _allowed(index: SearchIndex, label: str | None) -> Ids | None:
    if label is None:
        return None
    # both sides are told the dataset: the label's pictures are then found by index, not among all datasets'
    rows = database_vectors.embeddings(index).filter(image__dataset=index.dataset_id)
    labelled = rows.filter(image__category=label).values_list("pk", flat=True)
    ids = labelled.union(rows.filter(image__further__name=label).values_list("pk", flat=True))
    return np.fromiter(ids.iterator(), dtype=np.int64)
