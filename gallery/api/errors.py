"""Turns every exception of the REST interface into `{"error": {"code", "detail"}}`."""

from __future__ import annotations

from typing import Any, TypedDict

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler

from gallery.errors import SemsearchError


class ErrorValues(TypedDict):
    """A word for programs, and a sentence for people that says what to do."""

    code: str
    detail: str


class ErrorAnswer(TypedDict):
    """What is answered where something is wrong."""

    error: ErrorValues


def error_answer(code: str, detail: str) -> ErrorAnswer:
    """Return the answer of an error."""
    return {"error": {"code": code, "detail": detail}}


def as_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the response of a known exception, or None for one that is a defect (a 500).

    It is JSON, whatever form was asked for: errors have no other.
    """
    request = context["request"]
    request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
    if isinstance(error, SemsearchError):
        headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s else None
        return Response(error_answer(error.code, error.detail), status=error.status, headers=headers)
    if isinstance(error, Http404):
        error = exceptions.NotFound(str(error) or None)
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    response = exception_handler(error, context)
    if response is not None and isinstance(error, exceptions.APIException):
        response.data = error_answer(_code(error), _in_words(error.detail))
    return response


def unknown_address(request: HttpRequest) -> JsonResponse:
    """Answer for an address below /api/ that does not exist."""
    detail = "There is nothing at this address; /api/docs/ lists what there is."
    return JsonResponse(error_answer("not_found", detail), status=404)


def _code(error: exceptions.APIException) -> str:
    return "invalid" if isinstance(error, exceptions.ValidationError) else str(error.default_code)


def _in_words(detail: Any, field: str = "") -> str:
    if isinstance(detail, dict):
        return " ".join(
            _in_words(value, "" if key == "non_field_errors" else key) for key, value in detail.items()
        )
    if isinstance(detail, list):
        return " ".join(_in_words(value, field) for value in detail)
    return f"{field}: {detail}" if field else str(detail)
