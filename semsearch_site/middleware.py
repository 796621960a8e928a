"""Headers of every answer, and what is refused or put in order whatever the address."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from semsearch_site import error_pages
from semsearch_site.content_types import UNREADABLE_TYPE

Answer = Callable[[HttpRequest], HttpResponseBase]

# The site uses none of them, and so nothing that gets into a page may.
UNUSED_FEATURES = (
    "accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope", "hid",
    "magnetometer", "microphone", "midi", "payment", "serial", "usb",
)  # fmt: skip
PERMISSIONS_POLICY = ", ".join(f"{name}=()" for name in UNUSED_FEATURES)


class PermissionsPolicyMiddleware:
    """Takes from every page what it does not use of the browser."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the header."""
        response = self.get_response(request)
        response.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response


class ReadableRequestMiddleware:
    """Refuses requests that nothing here could read: in another encoding, or with a NUL in the address."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, or refuse."""
        if UNREADABLE_TYPE in request.META:
            return error_pages.answer(request, 415, "Send text in UTF-8.", "unsupported_media_type")
        if "\0" in request.path_info or b"\0" in unquote_to_bytes(request.META.get("QUERY_STRING", "")):
            return error_pages.answer(request, 400, "The address holds the character NUL.", "invalid")
        return self.get_response(request)


class MethodRefusedMiddleware:
    """Gives a page to who uses a method that an address of pages does not have."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer."""
        response = self.get_response(request)
        if response.status_code == 405 and not getattr(response, "content", b"-"):
            words = (
                f"This address does not take {request.method}; it takes {response.get('Allow', 'nothing')}."
            )
            page = error_pages.answer(request, 405, words, "method_not_allowed")
            page["Allow"] = response.get("Allow", "")
            return page
        return response
