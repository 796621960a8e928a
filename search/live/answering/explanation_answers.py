"""How a hit is explained, as plain values."""

from __future__ import annotations

from typing import Annotated, TypedDict

from gallery.errors import NotFoundError
from gallery.models import Image
from search.features.cell_answers import DIGITS, Cells, Square, rows_of
from search.live.answering.config_answers import ConfigAnswer, config_answer
from search.live.document import QueryDocument
from search.live.engine import Found, read_queries
from search.live.explaining import Explainer, Explanation
from search.live.finding.part_queries import part_queries


class ExplanationAnswer(TypedDict):
    """What each cell of the feature maps of query and hit has in the score of the hit."""

    image: int
    score: float
    centred: Annotated[
        bool,
        "Whether the score is the cosine about the mean of the dataset. A search of several datasets shows "
        "that of the vectors as they are.",
    ]
    hit_cells: Annotated[Cells, "Rows of shares, which add up to the score."]
    hit_square: Square
    query_cells: Annotated[
        Cells | None, "Rows of shares of the query's image, which add up to the score; null of a vector."
    ]
    query_square: Square | None
    elsewhere: Annotated[
        float,
        "The part of the score that other examples have in it, and the first hits, with which a query is "
        "averaged; it is spread over `query_cells` evenly.",
    ]
    difference: Annotated[
        float,
        "How far the score is from what the network makes of the hit now; spread over `hit_cells` evenly.",
    ]
    config: ConfigAnswer


class CellsOfHit(TypedDict):
    """The shares of the cells in the score of a hit; null where it cannot be explained."""

    query_cells: Cells | None
    query_square: Square | None
    hit_cells: Cells | None
    hit_square: Square | None


def explanation_answer(document: QueryDocument, hit: int) -> ExplanationAnswer:
    """Explain one hit of a search.

    Raises: NotFoundError where it is no hit of it, and what `engine.answered` and `Explainer.explain` raise.
    """
    found = Found(document)
    queries = read_queries(found)
    image = Image.objects.filter(pk=hit).first()
    if image is None:
        raise NotFoundError(f"There is no image {hit}; it may have been deleted.")
    examples = (*found.like, *found.unlike)
    parts = part_queries(queries, [one.image.pk for one in examples if one.image is not None])
    explained = Explainer(queries, found.like[0], parts).explain(image)
    return {
        "image": hit,
        "score": round(explained.score, 6),
        "centred": explained.centred,
        "hit_cells": rows_of(explained.hit.cells),
        "hit_square": explained.hit.square,
        "query_cells": None if explained.query is None else rows_of(explained.query.cells),
        "query_square": None if explained.query is None else explained.query.square,
        "elsewhere": round(explained.elsewhere, DIGITS),
        "difference": round(explained.difference, DIGITS),
        "config": config_answer(explained.index.spec),
    }


def cells_of_hit(explained: Explanation | None) -> CellsOfHit:
    """Return the shares of an explanation, nulls where there is none."""
    query = None if explained is None else explained.query
    return {
        "query_cells": rows_of(query.cells) if query else None,
        "query_square": query.square if query else None,
        "hit_cells": rows_of(explained.hit.cells) if explained else None,
        "hit_square": explained.hit.square if explained else None,
    }
