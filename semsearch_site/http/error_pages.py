"""What is answered where no view answers: JSON below /api/, a page elsewhere; never what is inside."""

from __future__ import annotations

import logging
import secrets
import sys

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from gallery.api.errors import (
    DELETED,
    OVERTAKEN,
    error_answer,
    is_of_api,
    refusal,
    say_once,
    unknown_address,
)
from gallery.errors import SemsearchError
from gallery.public_text import public_text
from gallery.system import log_context, outages
from gallery.system.concurrency.conflicts import is_conflict
from gallery.system.measuring import measures

logger = logging.getLogger(__name__)

HEADINGS = {
    400: "This request cannot be read",
    403: "This is not yours to do",
    404: "This is not there any more",
    405: "This cannot be done here",
    409: "Somebody else was at it, too",
    413: "This is too much at once",
    415: "This form is not read here",
    503: "Not just now",
    507: "The disk is nearly full",
}
OTHERWISE = "This cannot be done now"


def answer(request: HttpRequest, status: int, words: str, code: str) -> HttpResponse:
    """Return the answer of an error: `words` say what is wrong, and `code` says it to programs."""
    if is_of_api(request):
        return JsonResponse(error_answer(code, words), status=status)
    heading = HEADINGS.get(status, OTHERWISE)
    said = {"status": status, "heading": heading, "words": words, "request_id": log_context.request_id()}
    return render(request, "error.html", said, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django refuses to read."""
    status, refused = refusal(exception) or (400, error_answer("invalid", "The request cannot be read."))
    return answer(request, status, refused["error"]["detail"], refused["error"]["code"])


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer who may not."""
    return answer(request, 403, "Your account may not do this.", "permission_denied")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that was not sent by a page of this site, or by one that is too old."""
    words = (
        "The form did not come from a page of this site that is open now. Load the page again, with cookies "
        "allowed, and send it anew. Behind a proxy CSRF_TRUSTED_ORIGINS has to name the site's address."
    )
    return answer(request, 403, words, "permission_denied")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that leads nowhere."""
    if is_of_api(request):
        return unknown_address(request)
    return render(request, "404.html", {"request_id": log_context.request_id()}, status=404)


def later(request: HttpRequest, error: SemsearchError) -> HttpResponse:
    """Answer what cannot be done just now; the page asks no database for anything."""
    say_once(request)
    words = str(error) if settings.DEBUG else public_text(error.detail)
    response: HttpResponse
    if is_of_api(request):
        response = JsonResponse(error_answer(error.code, words), status=error.status)
    else:
        heading = HEADINGS.get(error.status, OTHERWISE)
        about = {"status": error.status, "heading": heading, "words": words}
        response = render(None, "later.html", about, status=error.status)
    response["Retry-After"] = str(error.retry_after_s)
    response["Cache-Control"] = "no-store"
    return response


def _in_words(error: BaseException | None) -> tuple[int, str, str] | None:
    """Return status, sentence and word for an error that is no defect, as the API answers it; else None."""
    if isinstance(error, SemsearchError):
        return error.status, public_text(error.detail), error.code
    if isinstance(error, ObjectDoesNotExist):
        return 404, DELETED, "not_found"
    if isinstance(error, Exception) and is_conflict(error):
        return 409, OVERTAKEN, "conflict"
    return None


def broken(request: HttpRequest) -> HttpResponse:
    """Answer a defect of ours; the log has what went wrong under its number.

    An outage is none: it has been said when it began. Nor is what others did in the same moment.
    """
    error = sys.exc_info()[1]
    if (found := outages.passing(error)) is not None:
        return later(request, found)
    if isinstance(error, SemsearchError) and error.retry_after_s:
        return later(request, error)
    if (known := _in_words(error)) is not None:
        say_once(request)
        logger.info("Refused %s %s: %s", request.method, request.path, error)
        return answer(request, *known)
    number = secrets.token_hex(4)
    measures.here().failed("request", "error")
    logger.error("Error %s at %s %s", number, request.method, request.path, exc_info=True)
    request.error_number = number  # type: ignore[attr-defined]  # Django need not say it again
    if is_of_api(request):
        words = f"Something broke on our side; the log has it as {number}. Trying again may help."
        return JsonResponse(error_answer("error", words), status=500)
    said = {"number": number, "request_id": log_context.request_id()}
    return render(request, "500.html", said, status=500)
