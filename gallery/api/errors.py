"""Turns every exception of the REST interface into `{"error": {"code", "detail"}}`."""

from __future__ import annotations

import logging
from typing import Annotated, Any, NotRequired, TypedDict

from django.core.exceptions import (
    BadRequest,
    DisallowedHost,
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler

from gallery.access import gate, policies
from gallery.errors import DatabaseAwayError, SemsearchError
from gallery.public_text import public_text
from gallery.system import outages
from gallery.system.concurrency.conflicts import is_conflict
from gallery.system.measuring import measures

logger = logging.getLogger(__name__)

# The name itself is not said again: anybody can write anything there.
UNKNOWN_NAME = (
    "This site is not known by this name. Who runs it adds the name, as it stands in the address, to the "
    "setting ALLOWED_HOSTS and starts the site anew."
)
MOST_TOLD = 10  # sentences about one request
DELETED = "What was asked for has been deleted in this moment."
OVERTAKEN = "Somebody else changed or deleted the same in this moment: look what is there now, and ask again."


class ErrorValues(TypedDict):
    """A word for programs, and a sentence for people that says what to do."""

    code: str
    detail: str
    image: NotRequired[
        Annotated[int, "The stored image that it is about: of a duplicate, the one that is there."]
    ]


class ErrorAnswer(TypedDict):
    """What is answered where something is wrong."""

    error: ErrorValues


def error_answer(code: str, detail: str, image: int | None = None) -> ErrorAnswer:
    """Return the answer of an error, with the stored image that it is about, if any."""
    values: ErrorValues = {"code": code, "detail": detail}
    if image is not None:
        values["image"] = image
    return {"error": values}


def as_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the response of a known exception, or None for one that is a defect (a 500).

    It is JSON, whatever form was asked for: errors have no other.
    """
    request = context["request"]
    if found := outages.passing(error):
        error = found
        say_once(request._request)
    request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
    if isinstance(error, SemsearchError):
        measures.here().failed("request", error.code)
        headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s else None
        answer = error_answer(error.code, _told(error, request._request), error.image)
        return Response(answer, status=error.status, headers=headers)
    if isinstance(error, Http404):
        error = exceptions.NotFound(str(error) or None)
    elif isinstance(error, ObjectDoesNotExist):
        # a row that was there when the request began
        logger.warning("Deleted while it was asked for: %s", error)
        error = exceptions.NotFound(DELETED)
    elif is_conflict(error):
        logger.warning("Overtaken by another request or job: %s", error)
        return Response(error_answer("conflict", OVERTAKEN), status=409)
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif refused := refusal(error):
        status, answer = refused
        measures.here().failed("request", answer["error"]["code"])
        return Response(answer, status=status)
    response = exception_handler(error, context)
    if response is not None and isinstance(error, exceptions.APIException):
        response.data = error_answer(_code(error), _in_words(error.detail))
        measures.here().failed("request", _code(error))
    return response


def _told(error: SemsearchError, request: HttpRequest) -> str:
    """Return the words for who asks: where files and servers are is told to those who run the site."""
    if isinstance(error, DatabaseAwayError):
        return error.detail  # there is nobody to ask who asks
    if error.inner:
        logger.info("%s: %s", error.code, error)
    return str(error) if gate.lets_in(policies.DETAILS, request) else public_text(error.detail)


def say_once(request: HttpRequest) -> None:
    """Let Django write no line of its own about an answer: what it is about has been said."""
    request.error_number = ""  # type: ignore[attr-defined]


def refusal(error: Exception) -> tuple[int, ErrorAnswer] | None:
    """Return status and answer for what Django refuses before a view sees it; None for anything else."""
    if isinstance(error, RequestDataTooBig):
        return 413, error_answer("too_large", "The body is larger than this server reads at once.")
    if isinstance(error, DisallowedHost):
        return 400, error_answer("invalid", UNKNOWN_NAME)
    if isinstance(error, TooManyFieldsSent | TooManyFilesSent):
        return 400, error_answer("invalid", "There are more fields or files than this server reads at once.")
    if isinstance(error, SuspiciousOperation):  # its own words may name folders of the server
        return 400, error_answer("invalid", "The request cannot be read.")
    if isinstance(error, BadRequest | MultiPartParserError):
        return 400, error_answer("invalid", str(error) or "The request cannot be read.")
    if isinstance(error, UnreadablePostError):
        return 400, error_answer("invalid", "The body ended early.")
    return None


def is_of_api(request: HttpRequest) -> bool:
    """Whether the answer goes to a program: everything below /api/ is JSON, errors too."""
    return request.path_info == "/api" or request.path_info.startswith("/api/")


# a program has no CSRF token, and what does not exist needs none
@csrf_exempt
def unknown_address(request: HttpRequest) -> JsonResponse:
    """Answer for an address below /api/ that does not exist, by whatever method."""
    detail = f"There is nothing at this address; {reverse('api-docs')} lists what there is."
    if not request.path_info.endswith("/"):
        detail += " Addresses end with a slash."
    return JsonResponse(error_answer("not_found", detail), status=404)


def _code(error: exceptions.APIException) -> str:
    return "invalid" if isinstance(error, exceptions.ValidationError) else str(error.default_code)


def _in_words(detail: Any) -> str:
    """Return what is wrong, each with the way to its field, as `queries.3.image: A valid integer …`."""
    found = _sentences(detail)
    more = [f"And {len(found) - MOST_TOLD:,} more."] if len(found) > MOST_TOLD else []
    return " ".join([*found[:MOST_TOLD], *more])


def _sentences(detail: Any, field: str = "") -> list[str]:
    if isinstance(detail, dict):
        own = ("non_field_errors",)
        parts = [(value, field if key in own else _within(field, key)) for key, value in detail.items()]
    elif isinstance(detail, list):
        parts = [
            (value, _within(field, number) if isinstance(value, dict) else field)
            for number, value in enumerate(detail)
        ]
    else:
        return [f"{field}: {detail}" if field else str(detail)]
    return [sentence for value, way in parts for sentence in _sentences(value, way)]


def _within(field: str, key: object) -> str:
    return f"{field}.{key}" if field else str(key)
