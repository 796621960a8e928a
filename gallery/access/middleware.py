"""Closes pages and images to those who have not signed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# the API answers for itself; the rest must work before anybody has signed in
OPEN_PREFIXES = ("/api/", "/admin/", "/static/", "/healthz", "/readyz", "/metrics")


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
