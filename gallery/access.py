"""Who may read and write: reading is open unless closed by a setting, writing is for staff."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
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


class ClosedReadingMiddleware(LoginRequiredMiddleware):
    """With `OPEN_READING` off, sends visitors of pages and images to the sign-in page.

    From there they come back to the whole address they asked for, query string included.
    """

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        """Return the redirect to the sign-in page, or None to let the view answer."""
        if settings.OPEN_READING or request.path.startswith(OPEN_PREFIXES):
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)
