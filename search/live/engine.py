"""Answers a query document: the one way to search, whoever asks."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np
from django.db.models import QuerySet

from gallery.browse.facets import shown_images
from gallery.errors import NotFoundError, NothingIndexedError, SemsearchError
from gallery.models import Dataset, Image
from gallery.system.home.shipped_files import program
from gallery.system.measuring import measures
from search.index.live import QUERY_EXPANSION as QUERY_EXPANSION
from search.live import long_searches
from search.live.document import GROUPED, QueryDocument
from search.live.examples import example_images, text_search, word_search
from search.live.examples.example_images import ReadExample, require_network
from search.live.examples.text_search import TextQuery
from search.live.examples.word_search import WordQuery
from search.live.explaining import Explainer, Explanation
from search.live.finding import filtering, folding, grouping
from search.live.finding.compiled_queries import live_indexes_of
from search.live.finding.folding import Standing
from search.live.finding.grouping import Group
from search.live.finding.hits import Hit, ShownImage, shown
from search.live.finding.index_queries import IndexQuery
from search.live.finding.ranking import AskedIndex, Ranking
from search.live.finding.steering import Steering
from search.live.timings import Timings
from search.models import SearchIndex
from search.types import Ids
from search.words.lookup import Match

# Searches with more examples are not expanded; measured in docs/explanation/lab/steering.md
EXPANDED_UP_TO = 2


@dataclass
class Found:
    """The hits of one page, best first, and how they came about.

    `indexes` were asked. Where there are no examples none was: a page of `images` is listed instead,
    and `listed` counts what the filter finds, None where that is too many. Where they are asked for there are
    `explanations` of the hits, `standing`, the same hits with what is folded into each, and on the first page
    the `groups` of the first.
    Of words alone the page begins with `images`, `matches` says how they fit, and `hits` look like them.
    """

    document: QueryDocument
    hits: list[Hit] = field(default_factory=list)
    images: list[ShownImage] = field(default_factory=list)
    has_next: bool = False
    like: list[ReadExample] = field(default_factory=list)
    unlike: list[ReadExample] = field(default_factory=list)
    indexes: list[AskedIndex] = field(default_factory=list)
    listed: int | None = 0
    explanations: list[Explanation | None] = field(default_factory=list)
    standing: list[Standing] = field(default_factory=list)
    groups: list[Group] | None = None
    word_query: WordQuery | None = None
    text_query: TextQuery | None = None
    matches: dict[int, Match] = field(default_factory=dict)
    timings_ms: Timings = field(default_factory=Timings)

    @property
    def shown_images(self) -> list[tuple[Hit | None, ShownImage]]:
        """The images of the page and the hits that they are; None where they are listed without a query."""
        listed: list[tuple[Hit | None, ShownImage]] = [(None, image) for image in self.images]
        return listed + [(hit, hit.image) for hit in self.hits]

    @property
    def below_cutoff(self) -> int | None:
        """How many hits of the page are below the cut-off; None without one, or where that is unknown."""
        cutoff = self.document.cutoff
        if cutoff is None or self.document.kind == "browse":
            return None
        values = [hit.probability if cutoff.mode == "probability" else hit.percentile for hit in self.hits]
        if cutoff.mode == "probability":
            values += [one.probability for one in self.matches.values()]
        known = [value for value in values if value is not None]
        return sum(value < cutoff.at for value in known) if known or not values else None

    @property
    def searched(self) -> int:
        """How many vectors the indexes hold; of images that are listed how many there are at least."""
        if self.document.asks_vectors:
            return sum(asked.count for asked in self.indexes)
        seen = self.document.skipped + len(self.images) + len(self.hits) + self.has_next
        return seen if self.listed is None else self.listed

    @property
    def is_many(self) -> bool:
        """Whether the filter leaves so many that nobody counted them."""
        return self.listed is None or any(asked.many for asked in self.indexes)

    @property
    def reached(self) -> int:
        """How many of them could have been found: those that the filter allows."""
        return sum(asked.count if asked.allowed is None else asked.allowed for asked in self.indexes)


def answered(document: QueryDocument) -> Found:
    """Answer a query document.

    Raises: NotAnImageError, TooLargeError, AddressRefusedError, FetchFailedError, BusyError for an image;
    WrongVectorError for a vector; NotFoundError for an unknown dataset, image or upload; NothingIndexedError
    when there is nothing to search.
    """
    found = Found(document)
    try:
        with (
            long_searches.place() if _takes_long(document) else nullcontext(),
            found.timings_ms.stage("total"),
        ):
            if document.asks_vectors:
                _rank(found)
            elif document.words:
                _name(found)
            else:
                _list(found)
    except Exception as error:
        code = getattr(error, "code", "error")
        ours = isinstance(error, SemsearchError) and error.status < 500
        measures.here().search_ended(document.source, document.kind, "refused" if ours else "failed")
        measures.here().failed("search", code)
        raise
    measures.here().search_ended(document.source, document.kind, "answered")
    measures.here().search_stages(found.timings_ms.as_seconds())
    return found


def _takes_long(document: QueryDocument) -> bool:
    """Whether a search takes as long, or as much memory, as many others."""
    read = sum(map(example_images.is_read, document.examples))
    return read > long_searches.FEW_READ or document.skipped + document.k > long_searches.DEEP


def _rank(found: Found) -> None:
    document, timings = found.document, found.timings_ms
    queries = _of_text(found) if document.text else read_queries(found)
    if not queries:
        return
    ranking = Ranking(queries, timings, document.rated)
    wanted = document.skipped + document.k + 1
    examples = (*found.like, *found.unlike)
    left_out = {example.image.pk for example in examples if example.image is not None}
    grouped = document.group if not document.skipped else None
    asked = max(wanted, GROUPED) if grouped else wanted
    if document.fold is None:
        hits = ranking.hits(asked, left_out)
    else:
        standing = folding.standing(ranking, asked, left_out, document.fold)
        found.standing = standing[document.skipped : document.skipped + document.k]
        hits = [one.hit for one in standing]
    if grouped:
        indexes = [query.index for query in ranking.queries]
        with timings.stage("rerank"):
            found.groups = grouping.groups(hits[:GROUPED], indexes, grouped)
    found.indexes = ranking.asked
    if not found.searched and document.where.is_open:
        raise NothingIndexedError("The images here have no features yet: wait for their job to end.")
    found.has_next = len(hits) >= wanted
    found.hits = hits[document.skipped : document.skipped + document.k]
    if document.explain:
        with timings.stage("extract"):
            shown_ids = [hit.image.pk for hit in found.hits]
            found.explanations = Explainer(ranking.queries, found.like[0], ranking.parts).explanations(
                shown_ids
            )


def _of_text(found: Found) -> list[IndexQuery]:
    """Return what each index is asked whose features text compares with. Raises: what `answered` does."""
    document = found.document
    indexes = _indexes(document)
    _require_indexes(indexes, document)
    found.text_query = text_search.ask(document.text, indexes)
    return text_search.queries(found.text_query, document.where, found.timings_ms)


def read_queries(found: Found) -> list[IndexQuery]:
    """Read the examples of a document, and return what each index is asked. Raises: what `answered` does."""
    document, timings = found.document, found.timings_ms
    indexes = _indexes(document)
    found.like = [
        example_images.read(one, timings, indexes, keeps_squares=document.explain and number == 0)
        for number, one in enumerate(document.like)
    ]
    found.unlike = [example_images.read(one, timings, indexes) for one in document.unlike]
    _require_indexes(indexes, document)
    if document.words:
        with timings.stage("load"):
            found.word_query = word_search.ask(document)
    return [_asked(found, index) for index in indexes]


def _asked(found: Found, index: SearchIndex) -> IndexQuery:
    """Return what an index is asked: one example is asked as ever, several are put together."""
    where = found.document.where
    own = _own_ids([*found.like, *found.unlike], index)
    words = found.word_query.vectors(index) if found.word_query is not None else np.empty((0, 0))
    if len(found.like) == 1 and not found.unlike and not len(words):
        return IndexQuery(index, found.like[0].vector(index), own, QUERY_EXPANSION, where)
    # the images of the words count together as much as an example for each word
    shares = [len(found.document.words) / len(words)] * len(words) if len(words) else []
    steering = Steering(
        np.stack([*(one.vector(index) for one in found.like), *words]),
        np.array([*(one.example.weight for one in found.like), *shares], dtype=np.float32),
        np.array([one.vector(index) for one in found.unlike], dtype=np.float32),
        np.array([one.example.weight for one in found.unlike], dtype=np.float32),
    )
    few = len(found.like) + len(found.unlike) + len(words) <= EXPANDED_UP_TO
    return IndexQuery(index, steering.query(), own, QUERY_EXPANSION if few else None, where, steering)


def _own_ids(examples: list[ReadExample], index: SearchIndex) -> Ids | None:
    ids = [own for one in examples if (own := one.own_id(index)) is not None]
    return np.array([ids], dtype=np.int64) if ids else None


def _name(found: Found) -> None:
    """Show what has the words, then what looks like the first of it."""
    document = found.document
    with found.timings_ms.stage("load"):
        query = found.word_query = word_search.ask(document)
        found.listed = _counted(document)
        first = query.first
        images, before = word_search.page_of(first, document.skipped, document.k + 1)
        found.images = images[: document.k]
        on_page = {image.pk for image in found.images}
        found.matches = {one.image: one for one in first if one.image in on_page}
    wanted = document.k + 1 - len(images)
    hits = _alike(found, query, max(0, document.skipped - before), wanted) if wanted else []
    found.has_next = len(images) + len(hits) > document.k
    found.hits = hits[: document.k - len(found.images)]


def _alike(found: Found, query: WordQuery, skipped: int, wanted: int) -> list[Hit]:
    """Return what looks like the images that stand for the words, and has none of them."""
    queries = [
        IndexQuery(index, steering.query(), None, None, found.document.where, steering)
        for index in _indexes(found.document)
        if (steering := query.steering(index)) is not None
    ]
    if not queries:
        return []
    ranking = Ranking(queries, found.timings_ms)
    hits = ranking.hits(skipped + wanted, {one.image for one in query.first})
    found.indexes = ranking.asked
    return hits[skipped : skipped + wanted]


def _of_datasets(document: QueryDocument) -> QuerySet[Image]:
    chosen = Dataset.objects.all()
    if document.datasets:
        chosen = chosen.filter(slug__in=document.datasets)
    # by their numbers: a database that has to find them first does not read their images in order
    return Image.objects.filter(dataset__in=list(chosen.values_list("pk", flat=True)))


def _counted(document: QueryDocument) -> int | None:
    """Return how many images a document lists, None for too many to count."""
    if document.where.is_open:
        return shown_images(document.datasets)
    return filtering.counted(document.where.found(_of_datasets(document)))


def _list(found: Found) -> None:
    """List images without a query, newest first."""
    document = found.document
    with found.timings_ms.stage("load"):
        _require_datasets(document)
        rows = _of_datasets(document)
        found.listed = _counted(document)
        first = document.skipped
        if document.before is not None:
            rows, first = rows.filter(pk__lt=document.before), 0
        if found.listed is None:
            ids = filtering.newest_of_many(document.where, rows, first + document.k + 1)
            rows = Image.objects.filter(pk__in=ids)
        else:
            rows = document.where.found(rows)
        images = list(rows.select_related("dataset").order_by("-pk")[first : first + document.k + 1])
        found.has_next = len(images) > document.k
        found.images = [shown(image) for image in images[: document.k]]


def _indexes(document: QueryDocument) -> list[SearchIndex]:
    if document.index is None:
        return live_indexes_of(document.datasets)
    found = SearchIndex.objects.select_related("spec").filter(
        pk=document.index, dataset__in=Dataset.objects.all()
    )
    if document.datasets:
        found = found.filter(dataset__slug__in=document.datasets)
    if not found:
        raise NotFoundError(f"There is no index {document.index} of what is searched; /indexes/ lists them.")
    if any(example.image is None and example.vector is None for example in document.like):
        require_network(found[0])
    return list(found)


def _require_indexes(indexes: list[SearchIndex], document: QueryDocument) -> None:
    """Raise why nothing can be searched, where nothing can; a picture that is none is said before."""
    if len(indexes) >= max(1, len(document.datasets)):
        return
    _require_datasets(document)
    if not indexes:
        raise NothingIndexedError(
            "Nothing is indexed yet: add images on the admin's “Upload images” page or with "
            f"`{program()} import_dataset`, and wait for their job to end."
        )


def _require_datasets(document: QueryDocument) -> None:
    for slug in document.datasets:
        Dataset.objects.called(slug)
