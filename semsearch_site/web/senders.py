"""Who sends a request, found out before its body is read."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.models import AnonymousUser, User
from django.core.handlers.wsgi import WSGIRequest
from django.db import close_old_connections
from django.http import HttpRequest
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.settings import api_settings


def may_send_archives(environ: dict[str, Any]) -> bool:
    """Whether a session or a token comes with a request of somebody whose archives may be worth reading.

    What exactly they may do is asked when the request is there in full.
    """
    try:
        request: HttpRequest = WSGIRequest(environ)
        return _by_session(request) or _by_token(request)
    finally:
        close_old_connections()


def _by_session(request: HttpRequest) -> bool:
    sessions = import_module(settings.SESSION_ENGINE)
    request.session = sessions.SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    return _may(auth.get_user(request))


def _by_token(request: HttpRequest) -> bool:
    kinds: list[Any] = api_settings.DEFAULT_AUTHENTICATION_CLASSES  # type: ignore[assignment]  # loaded by now
    for kind in kinds:
        # a session was looked at already, and this would look for its CSRF token in the body
        if issubclass(kind, SessionAuthentication):
            continue
        try:
            found = kind().authenticate(Request(request))
        except APIException:
            return False
        if found is not None:
            return _may(found[0])
    return False


def _may(user: User | AnonymousUser) -> bool:
    return user.has_perm("gallery.add_image")
