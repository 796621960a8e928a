"""Who asks, in tests of access: accounts of every kind, and tokens of every scope and fate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from gallery.access import editors
from gallery.access.scopes import Scope

ALL = frozenset(Scope)


@dataclass(frozen=True)
class Asker:
    """Who asks: an account by its session, by a token, or nobody."""

    name: str
    account: str = ""
    # None for a session
    scopes: frozenset[Scope] | None = None
    valid: bool = True
    may_write: bool = False

    @property
    def by_token(self) -> bool:
        """Whether a token is sent."""
        return self.scopes is not None


ASKERS = (
    Asker("nobody"),
    Asker("user", "user"),
    Asker("user with permissions", "writer", may_write=True),
    Asker("staff", "staff"),
    Asker("staff with permissions", "editor", may_write=True),
    Asker("superuser", "root", may_write=True),
    *(Asker(f"token of {scope}", "root", frozenset({scope}), may_write=True) for scope in Scope),
    Asker("token of user", "user", ALL),
    Asker("token of writer", "writer", ALL, may_write=True),
    Asker("token without scopes", "root", frozenset(), may_write=True),
    Asker("revoked token", "root", ALL, valid=False, may_write=True),
    Asker("expired token", "root", ALL, valid=False, may_write=True),
)


def make_accounts() -> dict[str, User]:
    """Make the accounts that ask, by their names."""
    users = {
        "user": User.objects.create_user("user"),
        "writer": User.objects.create_user("writer"),
        "staff": User.objects.create_user("staff", is_staff=True),
        "editor": User.objects.create_user("editor", is_staff=True),
        "root": User.objects.create_superuser("root"),
    }
    editors.editors().user_set.add(users["writer"], users["editor"])
    return users


@dataclass
class StandInToken:
    """What a token tells of itself."""

    scopes: frozenset[Scope]


class StandInTokens(BaseAuthentication):
    """Knows the tokens of the askers by their names."""

    def authenticate(self, request: Request) -> tuple[User, StandInToken] | None:
        """Return owner and token."""
        kind, _, name = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if kind != "Token":
            return None
        asker = next((each for each in ASKERS if each.name == name and each.valid), None)
        if asker is None or asker.scopes is None:
            raise AuthenticationFailed("Invalid token.")
        return User.objects.get(username=asker.account), StandInToken(asker.scopes)

    def authenticate_header(self, request: Request) -> str:
        """Return how one authenticates."""
        return "Token"


def client_of(asker: Asker, users: dict[str, User]) -> Client:
    """Return a client through which somebody asks."""
    if asker.by_token:
        return Client(headers={"Authorization": f"Token {asker.name}"})
    client = Client()
    if asker.account:
        client.force_login(users[asker.account])
    return client


class StopBehindTheGate:
    """A middleware behind all others that answers in place of every view: no request does any work."""

    REACHED = "reached"

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse:
        """Answer that the gate let it through."""
        return HttpResponse(headers={"X-Stopped": self.REACHED})
