"""Browsers in which an account has signed in before, known by a signed cookie."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase

COOKIE = "known_browser"
SALT = "gallery.accounts.known_browsers"
KNOWN_FOR_S = 365 * 86_400


def browser_of(request: HttpRequest, account: str) -> str | None:
    """Return the number of the browser that asks, where the account has signed in with it; else None."""
    try:
        known, browser = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=KNOWN_FOR_S)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return str(browser) if known == account else None


def remember(request: HttpRequest, response: HttpResponseBase, account: str) -> None:
    """Let the browser be known from now on, as one of this account."""
    browser = browser_of(request, account) or secrets.token_hex(8)
    response.set_cookie(
        COOKIE,
        signing.dumps([account, browser], salt=SALT),
        max_age=KNOWN_FOR_S,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
