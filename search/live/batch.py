"""Answers many searches together, each for itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TypedDict

from gallery.errors import BusyError, SemsearchError
from gallery.public_text import public_text
from search.live import query
from search.live.answers import SearchAnswer, search_answer
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

    answers: list[SearchAnswer | SearchErrorAnswer]


def answered(requests: Sequence[SearchRequest]) -> BatchAnswer:
    """Return the answer of each search, or why it has none."""
    until = time.monotonic() + ANSWERED_WITHIN_S
    return {"answers": [_one(request, until) for request in requests]}


def _one(request: SearchRequest, until: float) -> SearchAnswer | SearchErrorAnswer:
    try:
        if time.monotonic() > until:
            raise BusyError("The searches before this one took too long: ask for it again, with fewer.")
        return search_answer(query.search(request))
    except SemsearchError as error:
        return {"error": {"code": error.code, "detail": public_text(error.detail)}}
