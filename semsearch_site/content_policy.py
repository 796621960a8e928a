"""Sends the content security policy of the settings with every answer."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeAlias

from csp.constants import HEADER
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponse

DEBUG_PAGES = (HTTPStatus.NOT_FOUND, HTTPStatus.INTERNAL_SERVER_ERROR)


Answering: TypeAlias = Callable[[HttpRequest], HttpResponse]


def content_policy(get_response: Answering) -> Answering:
    """Return a middleware with the policy written once: django-csp's writes two an answer, for views to vary.

    Django's own pages of errors, shown with DEBUG, carry their style sheets inside: they are let be.
    """
    policy = build_policy()

    def answered(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not (settings.DEBUG and response.status_code in DEBUG_PAGES):
            response.setdefault(HEADER, policy)
        return response

    return answered
