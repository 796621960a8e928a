"""Who asks, in tests of access: accounts of every kind, and tokens of every scope and fate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.utils import timezone

from gallery.access import editors
from gallery.access.scopes import Scope
from gallery.accounts import tokens
from gallery.models import AccessToken

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


def client_of(asker: Asker, users: dict[str, User]) -> Client:
    """Return a client through which somebody asks."""
    if asker.scopes is not None:
        return Client(headers={"Authorization": f"Token {_token_of(asker, users[asker.account])}"})
    client = Client()
    if asker.account:
        client.force_login(users[asker.account])
    return client


def _token_of(asker: Asker, owner: User) -> str:
    made, text = tokens.make_token(owner, asker.name, asker.scopes or ())
    if asker.name == "expired token":
        AccessToken.objects.filter(pk=made.pk).update(expires_at=timezone.now())
    if asker.name == "revoked token":
        tokens.revoke(made)
    return text


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
