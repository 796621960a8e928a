"""How often somebody may do what costs much: the one table of what is counted, and who is counted.

A token counts for itself, then an account, then an address; who is signed in may do
`MEMBER_THROTTLE_FACTOR` times as much as a stranger, a program with a token `TOKEN_THROTTLE_FACTOR` times.
Addresses are those of `client_address`: nobody gets another count by what a header says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase

from gallery.access.client_address import client_address, network
from gallery.access.rate_counters import Counter, Hit, Rate, ServerCounter, client_of
from gallery.access.rate_file import FileCounter
from gallery.errors import SemsearchError

FORM = re.compile(r"(\d+)/(s|sec|second|m|min|minute|h|hour|d|day)")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Throttle(StrEnum):
    """What is counted together; the setting NAME_THROTTLE says how often."""

    SEARCH = "search"
    UPLOAD = "upload"
    READ = "read"
    SIGN_IN = "sign_in"


TOO_MANY = {
    Throttle.SEARCH: "Too many searches in a short time.",
    Throttle.UPLOAD: "Too many uploads in a short time.",
    Throttle.READ: "Too many large answers in a short time.",
    Throttle.SIGN_IN: "Too many attempts to sign in, or tokens made, in a short time.",
}
# the name of a route and the method -> what it counts as
TABLE: dict[tuple[str, str], Throttle] = {
    ("search", "POST"): Throttle.SEARCH,
    ("search-batch", "POST"): Throttle.SEARCH,
    ("search-explanation", "GET"): Throttle.SEARCH,
    ("saved-search-hits", "GET"): Throttle.SEARCH,
    ("saved-search-images", "GET"): Throttle.SEARCH,
    ("saved-search-list", "POST"): Throttle.UPLOAD,
    ("upload-create", "POST"): Throttle.UPLOAD,
    ("dataset-upload", "POST"): Throttle.UPLOAD,
    ("dataset-from-images", "POST"): Throttle.UPLOAD,
    ("dataset-embeddings-create", "POST"): Throttle.UPLOAD,
    ("image-list", "POST"): Throttle.UPLOAD,
    ("admin:gallery_dataset_upload", "POST"): Throttle.UPLOAD,
    # computes with a network, or reads all rows of a dataset
    ("facets", "GET"): Throttle.READ,
    ("saved-search-new", "GET"): Throttle.READ,
    ("dataset-words", "GET"): Throttle.READ,
    ("experiment-explanation", "GET"): Throttle.READ,
    ("maps", "GET"): Throttle.READ,
    ("projection-points", "GET"): Throttle.READ,
    ("projection-points-csv", "GET"): Throttle.READ,
    ("projection-colours", "GET"): Throttle.READ,
    ("projection-legend", "GET"): Throttle.READ,
    ("experiment-image-scores", "GET"): Throttle.READ,
    ("search:collection", "GET"): Throttle.READ,
    ("dataset-atlas-ids", "GET"): Throttle.READ,
    ("dataset-embeddings", "GET"): Throttle.READ,
    ("dataset-embeddings-ids", "GET"): Throttle.READ,
    ("experiment-leaderboard", "GET"): Throttle.READ,
    ("experiment-score-distributions", "GET"): Throttle.READ,
    ("gallery:failed_csv", "GET"): Throttle.READ,
    ("schema", "GET"): Throttle.READ,
    ("accounts:sign_in", "POST"): Throttle.SIGN_IN,
    ("accounts:first", "POST"): Throttle.SIGN_IN,
    ("accounts:password", "POST"): Throttle.SIGN_IN,
    ("admin-sign-in", "POST"): Throttle.SIGN_IN,
    # each is counted for itself: who makes many may do more
    ("token-list", "POST"): Throttle.SIGN_IN,
    ("accounts:tokens", "POST"): Throttle.SIGN_IN,
}


class RateMiddleware:
    """Counts the requests that the table names and refuses those that are too many, before a body is read.

    It stands behind the middleware that finds out who asks.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on, and say in the answer what is left."""
        response = self._get_response(request)
        counted: tuple[Rate, Hit] | None = getattr(request, "counted", None)
        if counted is not None:
            rate, hit = counted
            response["RateLimit-Limit"] = str(rate.times)
            response["RateLimit-Remaining"] = str(hit.left)
            response["RateLimit-Reset"] = str(max(1, math.ceil(hit.reset_s)))
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """Return the refusal, or None to let the view answer."""
        match = request.resolver_match
        method = "GET" if request.method == "HEAD" else request.method or ""
        throttle = TABLE.get((match.view_name, method)) if match else None
        if throttle is None:
            return None
        rate = rate_of(throttle, factor_of(throttle, request))
        hit = counter().hit(f"{throttle}:{who(throttle, request)}", rate)
        if hit is None:
            return None
        request.counted = rate, hit  # type: ignore[attr-defined]
        return _refusal(throttle, hit, request) if hit.refused else None


class TooOftenError(SemsearchError):
    """Somebody asks for more than they may in this time."""

    code = "throttled"
    status = 429


class TooManyAtOnceError(SemsearchError):
    """Somebody asks for more at once than they may ever."""

    code = "invalid"


def count_more(throttle: Throttle, request: HttpRequest, times: int) -> None:
    """Count what a request asks for beside the one thing that it was counted for.

    Raises: TooOftenError; TooManyAtOnceError, where waiting would not help.
    """
    rate = rate_of(throttle, factor_of(throttle, request))
    if times >= rate.times:
        raise TooManyAtOnceError(f"Ask for at most {rate.times} at once: no more are answered in their time.")
    for _ in range(times):
        count(throttle, request)


def count(throttle: Throttle, request: HttpRequest) -> None:
    """Count a request of which only its parameters tell that it costs much. Raises: TooOftenError."""
    rate = rate_of(throttle, factor_of(throttle, request))
    hit = counter().hit(f"{throttle}:{who(throttle, request)}", rate)
    if hit is not None and hit.refused:
        error = TooOftenError(_too_many(throttle, hit))
        error.retry_after_s = max(1, math.ceil(hit.reset_s))
        raise error
    if hit is not None:
        request.counted = rate, hit  # type: ignore[attr-defined]


def counter() -> Counter:
    """Return what counts: a server for all machines, where one is named, else the file of this machine."""
    return _counter(settings.REDIS_URL, settings.RATE_FILE)


@lru_cache(maxsize=4)
def _counter(url: str, file: Path) -> Counter:
    return ServerCounter(client_of(url)) if url else FileCounter(file)


def rate_of(throttle: Throttle, factor: int) -> Rate:
    """Return how often somebody may do something who may do it so many times as often as a stranger."""
    rate = parsed(getattr(settings, f"{throttle.upper()}_THROTTLE"))
    return Rate(rate.times * factor, rate.period_s)


def factor_of(throttle: Throttle, request: HttpRequest) -> int:
    """Return how many times as often as a stranger somebody may do something: programs have tokens."""
    if throttle is Throttle.SIGN_IN or not is_member(request):
        return 1
    by_token = getattr(request, "auth", None) is not None
    factor: int = settings.TOKEN_THROTTLE_FACTOR if by_token else settings.MEMBER_THROTTLE_FACTOR
    return factor


@lru_cache
def parsed(text: str) -> Rate:
    """Return the rate that a setting describes, as 120/min. Raises: ValueError."""
    found = FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no number and period, as 120/min.")
    return Rate(int(found[1]), SECONDS[found[2][0]])


def is_member(request: HttpRequest) -> bool:
    """Whether somebody who is signed in asks, by session or token."""
    return bool(request.user.is_authenticated)


def who(throttle: Throttle, request: HttpRequest) -> str:
    """Return who is counted; attempts to sign in count for their address, whoever it is."""
    if throttle is not Throttle.SIGN_IN and is_member(request):
        token = getattr(request, "auth", None)
        return f"token:{token.pk}" if token is not None else f"account:{request.user.pk}"
    return f"address:{network(client_address(request))}"


def _too_many(throttle: Throttle, hit: Hit) -> str:
    seconds = max(1, math.ceil(hit.reset_s))
    return f"{TOO_MANY[throttle]} Try again in {seconds} second{'s' if seconds > 1 else ''}."


def _refusal(throttle: Throttle, hit: Hit, request: HttpRequest) -> HttpResponse:
    seconds = max(1, math.ceil(hit.reset_s))
    words = _too_many(throttle, hit)
    headers = {"Retry-After": str(seconds)}
    if request.path_info.startswith("/api/"):
        error = {"code": "throttled", "detail": words}
        return JsonResponse({"error": error}, status=429, headers=headers)
    return HttpResponse(words, status=429, headers=headers, content_type="text/plain; charset=utf-8")
