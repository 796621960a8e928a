"""Explains hits: what each cell of the maps of query and hit has in the score by which the hit was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError, WeightsError
from gallery.models import Image
from search.embedding.vector_import import MadeElsewhereError
from search.extractors.cell_shares import Shares, centred_cosine
from search.extractors.resizing import Box
from search.features import kept_maps
from search.features.kept_maps import KeptMap
from search.index.base import normalise
from search.indexing import database_vectors, snapshots
from search.live.examples.example_images import ReadExample, require_network
from search.live.finding.filtering import allowed_of
from search.live.finding.index_queries import IndexQuery
from search.live.finding.part_queries import PartQuery
from search.models import Embedding, SearchIndex


@dataclass(frozen=True)
class ImageShares:
    """The shares (h, w) of the cells of an image in a score, which they add up to.

    `square` is where the cells lie over the image, as shares of its sides.
    """

    cells: Shares
    square: Box


@dataclass(frozen=True)
class Explanation:
    """How the score of a hit comes about.

    `centred` says whether the score is the cosine about the centre of the index, or that of the vectors as
    they are, which is what a search of several datasets shows. `elsewhere` is the part of the score that is
    not of the query's image, but of other examples and of the hits that it was averaged with: it is spread
    over the query's cells evenly. `difference` is how far the score is from what the network makes of the hit
    now, in other numbers of another machine; that is spread, too.
    """

    index: SearchIndex
    score: float
    centred: bool
    hit: ImageShares
    query: ImageShares | None
    elsewhere: float
    difference: float


@dataclass(frozen=True)
class _Asked:
    """What an index ranks by: cosines to `unit` about `centre`, of which `own_share` is of the first example.

    Embeddings of the ids `same` are the image itself and score 1 by `plain`.
    """

    index: SearchIndex
    unit: NDArray[np.float32]
    plain: NDArray[np.float32]
    centre: NDArray[np.float32]
    own_share: float
    plain_share: float
    same: frozenset[int]
    centred: bool


@dataclass(frozen=True)
class _Near:
    """How near an image, or a `part` of it, is: the `score` of `hit_unit` (d,) to `unit` (d,)."""

    asked: _Asked
    part: str | None
    is_same: bool
    unit: NDArray[np.float32]
    hit_unit: NDArray[np.float32]
    score: float


class Explainer:
    """Explains the hits of one search of some indexes, whose first example is `first`.

    Where `parts` of images were searched, a hit is explained by the part that is nearest, if it is nearer
    than all of the image.
    """

    def __init__(
        self, queries: Sequence[IndexQuery], first: ReadExample, parts: Sequence[PartQuery] = ()
    ) -> None:
        self._queries = {query.index.dataset_id: query for query in queries}
        self._first, self._parts = first, parts
        self._asked: dict[int, _Asked] = {}

    def explain(self, image: Image) -> Explanation:
        """Explain the score of an image.

        Raises: NotFoundError where it is not among what was searched, or its file is gone; MadeElsewhereError
        and NoMapError where its features are not made of a map here; WeightsError; BusyError.
        """
        query = self._queries.get(image.dataset_id)
        if query is None:
            raise NotFoundError(f"Image {image.pk} is of another dataset than those that are searched.")
        row = database_vectors.embeddings(query.index).filter(image=image).first()
        if row is None:
            raise NotFoundError(
                f"Image {image.pk} has no features yet: wait for the job of its dataset to end."
            )
        require_network(query.index)
        near = self._nearest(image, self._near(query, row))
        asked, unit, is_same, hit_unit, score = near.asked, near.unit, near.is_same, near.hit_unit, near.score
        config = query.index.spec.config
        hit_map = kept_maps.of_image(image, config)
        if near.part is not None:
            hit_map = hit_map.of_part(near.part)
        shares = hit_map.shares(centred_cosine(unit, hit_map.vector, asked.centre))
        difference = score - float(shares.sum())
        query_map = self._first.kept_map(config)
        own, elsewhere = None, score
        if query_map is not None:
            own_share = asked.plain_share if is_same else asked.own_share
            own = own_share * query_map.shares(centred_cosine(hit_unit, query_map.vector, asked.centre))
            elsewhere = score - float(own.sum())
        return Explanation(
            index=query.index,
            score=score,
            centred=asked.centred,
            hit=_spread(shares, difference, hit_map),
            query=None if own is None or query_map is None else _spread(own, elsewhere, query_map),
            elsewhere=elsewhere,
            difference=difference,
        )

    def explanations(self, image_ids: Sequence[int]) -> list[Explanation | None]:
        """Explain the scores of images, None for one that cannot be explained. Raises: BusyError."""
        images = Image.objects.in_bulk(image_ids)
        return [self._explained(images.get(pk)) for pk in image_ids]

    def _explained(self, image: Image | None) -> Explanation | None:
        try:
            return None if image is None else self.explain(image)
        except (NotFoundError, MadeElsewhereError, WeightsError):
            return None

    def _nearest(self, image: Image, whole: _Near) -> _Near:
        """Return the part of an image that is nearest, or all of it."""
        found = [(whole.score, whole)]
        for part in self._parts:
            row = database_vectors.embeddings(part.query.index).filter(image=image).first()
            if row is not None:
                near = self._near(part.query, row, part.part)
                found.append((near.score - part.lead, near))
        return max(found, key=itemgetter(0))[1]

    def _near(self, query: IndexQuery, row: Embedding, part: str | None = None) -> _Near:
        asked = self._asked_of(query)
        stored = np.frombuffer(bytes(row.vector), dtype="<f2").astype(np.float32)
        is_same = row.pk in asked.same
        unit = asked.plain if is_same else asked.unit
        hit_unit = normalise((stored - asked.centre)[None])[0]
        return _Near(asked, part, is_same, unit, hit_unit, 1.0 if is_same else float(unit @ hit_unit))

    def _asked_of(self, query: IndexQuery) -> _Asked:
        key = query.index.pk
        if key not in self._asked:
            self._asked[key] = _alone(query) if len(self._queries) == 1 else _among_others(query)
        return self._asked[key]


def _spread(shares: Shares, rest: float, of: KeptMap) -> ImageShares:
    return ImageShares(shares + rest / shares.size, of.square)


def _alone(query: IndexQuery) -> _Asked:
    live = snapshots.searchable(query.index)
    neighbours = query.expansion.neighbours if query.expansion is not None else 0
    allowed = allowed_of(live, query, neighbours)
    ranked = live.ranking_query(
        query.asked_of(live),
        allowed.ids if allowed is not None else None,
        exclude_ids=query.own_ids,
        expansion=query.expansion,
    )
    of_first = 1.0 if query.steering is None else query.steering.share_of_first(live.centre)
    return _Asked(
        query.index,
        ranked.unit,
        ranked.plain,
        live.centre,
        ranked.own_share * of_first,
        of_first,
        frozenset(ranked.same.tolist()),
        centred=True,
    )


def _among_others(query: IndexQuery) -> _Asked:
    """Hits of several indexes show the cosine of uncentred vectors, of the query as it was asked."""
    unit = normalise(query.vector[None])[0]
    of_first = 1.0 if query.steering is None else query.steering.share_of_first()
    return _Asked(
        query.index, unit, unit, np.zeros_like(unit), of_first, of_first, frozenset(), centred=False
    )
