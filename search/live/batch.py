"""Answers many searches together, each for itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TypedDict

from gallery.errors import BusyError, SemsearchError
from gallery.public_text import public_text
from search.live import engine, long_searches, query
from search.live.answering.answers import SearchAnswer, search_answer
from search.live.answering.found_answers import FoundAnswer, found_answer
from search.live.document import QueryDocument
from search.live.query import SearchRequest

# a batch holds a thread of the server: what has not begun by then is to be asked again
ANSWERED_WITHIN_S = 20.0


class SearchErrorValues(TypedDict):
    """A word for programs, and a sentence for people."""

    code: str
    detail: str


class SearchErrorAnswer(TypedDict):
    """Why one of many searches has no answer."""

    error: SearchErrorValues


class BatchAnswer(TypedDict):
    """What was answered, in the order of the queries."""

    answers: list[SearchAnswer | FoundAnswer | SearchErrorAnswer]


def answer(asked: SearchRequest | QueryDocument) -> SearchAnswer | FoundAnswer:
    """Return what one search is answered with. Raises: what `engine.answered` does."""
    if isinstance(asked, QueryDocument):
        return found_answer(engine.answered(asked))
    return search_answer(query.search(asked))


def answered(requests: Sequence[SearchRequest | QueryDocument]) -> BatchAnswer:
    """Return the answer of each search, or why it has none. Raises: BusyError where there is no place."""
    with long_searches.place():
        until = time.monotonic() + ANSWERED_WITHIN_S
        return {"answers": [_one(request, until) for request in requests]}


def _one(
    request: SearchRequest | QueryDocument, until: float
) -> SearchAnswer | FoundAnswer | SearchErrorAnswer:
    try:
        if time.monotonic() > until:
            raise BusyError("The searches before this one took too long: ask for it again, with fewer.")
        return answer(request)
    except SemsearchError as error:
        return {"error": {"code": error.code, "detail": public_text(error.detail)}}
