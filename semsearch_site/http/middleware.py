"""Headers of every answer, and what is refused or put in order whatever the address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.middleware.http import ConditionalGetMiddleware

from gallery.access import gate, policies
from gallery.access.client_address import may_probe
from gallery.api.errors import is_of_api
from gallery.errors import DatabaseAwayError
from gallery.system import log_context, outages
from gallery.system.home import disk_space
from semsearch_site.http import error_pages
from semsearch_site.http.content_types import UNREADABLE_TYPE
from semsearch_site.web.requests import ROUTE

Answer = Callable[[HttpRequest], HttpResponseBase]

COMPRESSED_TYPES = ("application/json", "application/vnd.oai.openapi", "text/csv")
# machines ask these how the site is
PROBES = ("/healthz", "/readyz", "/metrics")
# The site uses none of them, and so nothing that gets into a page may.
UNUSED_FEATURES = (
    "accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope", "hid",
    "magnetometer", "microphone", "midi", "payment", "serial", "usb",
)  # fmt: skip
PERMISSIONS_POLICY = ", ".join(f"{name}=()" for name in UNUSED_FEATURES)


class RequestIdMiddleware:
    """Gives each request an id, or keeps the one that it came with, and says in the answer which.

    It stands in every line of the log that the request makes, and in the job that it starts.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the header."""
        its_id = log_context.sane_request_id(request.META.get("HTTP_X_REQUEST_ID", ""))
        with log_context.of_request(its_id):
            response = self.get_response(request)
        response.headers["X-Request-ID"] = its_id
        match = request.resolver_match
        request.META[ROUTE] = match.view_name or "unnamed" if match else _route_without_view(request)
        return response


def _route_without_view(request: HttpRequest) -> str:
    """Return what a request is counted under that no view answered."""
    return "static" if request.path_info.startswith(settings.STATIC_URL) else "none"


class BrowserPoliciesMiddleware:
    """Takes from every page what it does not use of the browser, and lets in nothing but its own content.

    Both policies are the same for all answers, so they are put together once, which django-csp would not do.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response
        directives = settings.CONTENT_SECURITY_POLICY.items()
        self.content_policy = "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the headers."""
        response = self.get_response(request)
        response.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        if not (settings.DEBUG and response.status_code in (404, 500)):  # Django's pages have inline styles
            response.setdefault("Content-Security-Policy", self.content_policy)
        return response


class ApiGzipMiddleware(GZipMiddleware):
    """Compresses answers in text below /api/ for who takes them so.

    Pages are left to a proxy: they hold tokens that a compressed length could tell of.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Return the answer, compressed where that makes it smaller."""
        if not is_of_api(request) or not response.get("Content-Type", "").startswith(COMPRESSED_TYPES):
            return response
        smaller: HttpResponseBase = super().process_response(request, response)
        return smaller


class ApiETagMiddleware(ConditionalGetMiddleware):
    """Names the state of an answer below /api/, and sends nothing to who has it already."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Return the answer with its `ETag`, or 304."""
        if not is_of_api(request):
            return response
        known: HttpResponseBase = super().process_response(request, response)
        return known


class OutageMiddleware:
    """Refuses at once what would only wait for a database that is known to be away.

    Who asks how the site is gets an answer: that one says it.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, or refuse."""
        if outages.DATABASE.on and request.path_info not in PROBES:
            return error_pages.later(request, DatabaseAwayError(outages.DATABASE_AWAY))
        return self.get_response(request)


class FullDiskMiddleware:
    """Refuses what would store something while the disk is nearly full, before its body is looked at.

    It stands behind those that find out who asks. Searching, signing in and out, and what removes something
    go on.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on: its route is known only in `process_view`."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """Return the refusal, or None to let the view answer."""
        policy = gate.policy_of(request, request.method or "")
        match = request.resolver_match
        if policy is None or match is None:
            return None
        if not policies.stores(match.view_name, request.method or "", policy):
            return None
        found = disk_space.shortage()
        return error_pages.later(request, found) if found else None


class ReadableRequestMiddleware:
    """Refuses what nothing here could read: texts in another encoding, compressed bodies, and NUL in an
    address of the API.

    No database takes NUL. In the address of a page it becomes the sign of an unreadable character, by which
    nothing is found.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, or refuse."""
        if UNREADABLE_TYPE in request.META:
            return error_pages.answer(request, 415, "Send text in UTF-8.", "unsupported_media_type")
        if request.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity"):
            words = "Send it uncompressed: no Content-Encoding is read here."
            return error_pages.answer(request, 415, words, "unsupported_media_type")
        query = request.META.get("QUERY_STRING", "")
        if "\0" in request.path_info or "%00" in query or "\0" in query:
            if is_of_api(request):
                return error_pages.answer(request, 400, "The address holds the character NUL.", "invalid")
            request.META["QUERY_STRING"] = query.replace("\0", "%00").replace("%00", "%EF%BF%BD")
            request.path, request.path_info = (
                path.replace("\0", "\N{REPLACEMENT CHARACTER}") for path in (request.path, request.path_info)
            )
        return self.get_response(request)


class ProbeMiddleware:
    """Answers probes by whatever name they ask: a container or a pod is asked by its address.

    Only those of this machine and of `PROBE_ADDRESSES`; of all others `ALLOWED_HOSTS` says by which names.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, under the site's own name where a probe asks."""
        if request.path_info in PROBES and may_probe(request):
            request.META["HTTP_HOST"] = _own_name()
        return self.get_response(request)


def _own_name() -> str:
    """Return a name that `ALLOWED_HOSTS` has."""
    name = next(iter(settings.ALLOWED_HOSTS), "*")
    return "localhost" if name == "*" else str(name).removeprefix(".")


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
