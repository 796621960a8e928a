"""The gate that every request passes: who asks, which policy its route has, and whether that lets it in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import ResolverMatch
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request
from rest_framework.settings import api_settings

from gallery.access import policies
from gallery.access.policies import Policy, Rule
from gallery.access.routes import offered_methods

# a browser that is not signed in gets words here, not the sign-in page: machines ask
_FOR_MACHINES = ("metrics",)
_NOT_YOURS = "This is not yours to do"
# below /api/, but a page that people open
_DOCS = "api-docs"


@dataclass(frozen=True)
class Refusal:
    """Why a request is not let in: status, a word for programs, a sentence that says what is needed."""

    status: int
    code: str
    detail: str
    retry_after_s: int | None = None


def policy_of(request: HttpRequest, method: str) -> Policy | None:
    """Return the policy of a resolved request; None where its route has none."""
    match: ResolverMatch | None = request.resolver_match
    return policies.of_route(match.view_name, method, offered_methods(match.func)) if match else None


def refusal_of(policy: Policy | None, request: HttpRequest) -> Refusal | None:
    """Return why a policy does not let in who asks, None where it does.

    Who asks is looked up only where it counts: while reading is open most requests need no session.
    """
    if policy is None:
        return Refusal(403, "permission_denied", "This address has no policy, so it is closed to everybody.")
    if policy.rule == Rule.OPEN:
        return None
    if policy.rule == Rule.STAFF:
        # also somebody who is signed in may sign in as another
        known = request.user.is_active and getattr(request.user, "is_staff", False)
        return None if known else Refusal(401, "not_authenticated", "Sign in as a member of staff.")
    token = getattr(request, "auth", None)
    if token is not None and policy.scope not in token.scopes:
        return Refusal(403, "permission_denied", f"Your token does not reach here. Needed: {policy.needs}.")
    if policy.rule in (Rule.READ, Rule.SEARCH) and settings.OPEN_READING:
        return None
    if not request.user.is_authenticated:
        return Refusal(401, "not_authenticated", f"You are not signed in. Needed: {policy.needs}.")
    if not request.user.has_perms(policy.permissions):
        return Refusal(403, "permission_denied", f"Your account may not do this. Needed: {policy.needs}.")
    return None


def lets_in(policy: Policy, request: HttpRequest) -> bool:
    """Whether a policy lets in who asks, for a view that tells some more than others."""
    try:
        _read_token(request)
    except exceptions.APIException:
        return False
    return refusal_of(policy, request) is None


class Gate:
    """The middleware; it stands behind those of sessions and accounts.

    A token counts on pages, images and metrics as in the REST interface, and nowhere in the admin site. One
    that is not valid is refused also where anybody may read.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on: its route is known only in `process_view`."""
        request.auth = None  # type: ignore[attr-defined]  # the token, once one is read
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """Return the refusal, or None to let the view answer."""
        policy = policy_of(request, request.method or "")
        try:
            if policy and policy.rule not in (Rule.OPEN, Rule.STAFF):
                _read_token(request)
            refusal = refusal_of(policy, request)
        except exceptions.APIException as error:  # the token is not valid, or too many were not
            wait = getattr(error, "wait", None)
            refusal = Refusal(error.status_code, str(error.default_code), str(error.detail), wait)
        return None if refusal is None else _answer(refusal, request)


def _read_token(request: HttpRequest) -> None:
    """Let the token of a request, if it has one, say who asks.

    Raises: APIException for one that is not valid.
    """
    if "HTTP_AUTHORIZATION" not in request.META or getattr(request, "auth", None) is not None:
        return
    wrapped = Request(request)
    for method in _token_authentication():
        if found := method.authenticate(wrapped):
            user, token = found
            request.user = user
            request.auth = token  # type: ignore[attr-defined]
            return


def _token_authentication() -> list[Any]:
    classes = cast(list[type[BaseAuthentication]], api_settings.DEFAULT_AUTHENTICATION_CLASSES)
    return [each() for each in classes if not issubclass(each, SessionAuthentication)]


def _challenge() -> str:
    return next((each.authenticate_header(None) for each in _token_authentication()), "") or ""


def _answer(refusal: Refusal, request: HttpRequest) -> HttpResponseBase:
    """Refuse in the form that who asks understands: JSON, the sign-in page, a page, or a plain sentence."""
    name = request.resolver_match.view_name if request.resolver_match else ""
    response: HttpResponse
    if request.path_info.startswith("/api/") and name != _DOCS:
        error = {"code": refusal.code, "detail": refusal.detail}
        response = JsonResponse({"error": error}, status=refusal.status)
    elif refusal.code == "not_authenticated" and name not in _FOR_MACHINES:
        page = "admin:login" if name.startswith(policies.ADMIN_SITE) else None
        return redirect_to_login(request.get_full_path(), page)
    elif (
        name in _FOR_MACHINES
        or "HTTP_AUTHORIZATION" in request.META
        or policy_of(request, request.method or "") is None  # a defect: nothing is known of such an address
    ):
        response = HttpResponse(refusal.detail, status=refusal.status, content_type="text/plain")
    else:
        said = {"status": refusal.status, "heading": _NOT_YOURS, "words": refusal.detail}
        response = render(request, "error.html", said, status=refusal.status)
    if refusal.status == 401:
        response["WWW-Authenticate"] = _challenge()
    if refusal.retry_after_s is not None:
        response["Retry-After"] = str(refusal.retry_after_s)
    return response
