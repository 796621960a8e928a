"""Who may read and write: reading is open unless closed by a setting, writing is for staff."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:  # rest_framework.views itself loads this module
    from rest_framework.views import APIView

# the API answers for itself; the rest must work before anybody has signed in
OPEN_PREFIXES = ("/api/", "/admin/", "/static/", "/healthz", "/readyz", "/metrics")


class ReadOpenWriteStaff(BasePermission):
    """Anybody reads (signed-in users only, when `OPEN_READING` is off); staff writes."""

    message = "This needs a staff session or a token; `manage.py create_token USER` makes one."

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Decide by method."""
        if request.method in SAFE_METHODS:
            return settings.OPEN_READING or bool(request.user and request.user.is_authenticated)
        return bool(request.user and request.user.is_staff)


class MayRead(ReadOpenWriteStaff):
    """For a POST that only reads, as a search does."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Treat every method as reading."""
        return settings.OPEN_READING or bool(request.user and request.user.is_authenticated)


class ClosedReadingMiddleware:
    """With `OPEN_READING` off, sends visitors of pages and pictures to the sign-in page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Let through, or redirect to the sign-in page."""
        if settings.OPEN_READING or request.user.is_authenticated or request.path.startswith(OPEN_PREFIXES):
            return self.get_response(request)
        return redirect(f"{resolve_url(settings.LOGIN_URL)}?next={request.path}")
