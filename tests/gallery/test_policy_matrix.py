"""Who gets where: every route and method of the resolver, asked by everybody, with reading open and closed.

What is expected follows from the table of policies by the few lines of `expected`, which know nothing of the
gate. Requests pass every middleware and are stopped in place of the view.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from django.contrib.admindocs.utils import replace_named_groups
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.test import Client
from django.urls import resolve

from gallery.access.policies import TABLE, Policy, Rule
from gallery.access.routes import Route, routes
from gallery.access.scopes import Scope
from gallery.accounts import lockout, tokens
from tests.support.access import ASKERS, Asker, StopBehindTheGate, client_of, make_accounts

pytestmark = pytest.mark.django_db

ARGUMENTS = {
    "slug": "mine", "pk": "1", "path": "images/1/ab/a.png", "name": "mobilenet", "layer": "top",
    "object_id": "1", "app_label": "gallery", "content_type_id": "1", "id": "1", "url": "nowhere/",
}  # fmt: skip
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
LET_IN, UNKNOWN, FORBIDDEN, SIGN_IN = "let in", "401", "403", "to the sign-in page"


def address_of(route: Route) -> str:
    """Return an address that leads to a route."""
    plain = replace_named_groups(route.address).replace("^", "").replace("$", "").replace("\\", "")
    address = "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: ARGUMENTS[found[1]], plain)
    return "/api/nowhere/" if route.name == "api-unknown" else address


def methods_of(route: Route) -> tuple[str, ...]:
    """Return with which methods a route is asked: one policy of Django's views holds for all of them."""
    if route.methods is not None:
        return METHODS
    return ("GET",) if route.name.startswith("admin:") else ("GET", "POST")


def policy_of(route: Route, method: str) -> Policy:
    """Return what the table says of a method; what a view does not have needs no more than reading."""
    entry = TABLE.get(route.name) or TABLE["admin:" if route.name.startswith("admin:") else route.name]
    if isinstance(entry, Policy):
        return entry
    return entry.get("GET" if method == "HEAD" else method, Policy(Rule.READ, ""))


def expected(policy: Policy, asker: Asker, route: Route, *, is_open: bool) -> str:
    """Return what somebody is to find."""
    if policy.rule == Rule.OPEN:
        return LET_IN
    if policy.rule == Rule.STAFF:
        return LET_IN if asker.account in ("staff", "editor", "root") and not asker.by_token else SIGN_IN
    page = not route.address.startswith("api/") or route.name == "api-docs"
    unknown = SIGN_IN if page and not asker.by_token and route.name != "metrics" else UNKNOWN
    if not asker.valid:
        return UNKNOWN
    if policy.rule == Rule.OWN:
        return FORBIDDEN if asker.by_token else LET_IN if asker.account else unknown
    if asker.scopes is not None and Scope(policy.rule.value) not in asker.scopes:
        return FORBIDDEN
    if policy.rule in (Rule.READ, Rule.SEARCH):
        return LET_IN if is_open or asker.account else unknown
    if not asker.account:
        return unknown
    return LET_IN if asker.may_write or not policy.permissions else FORBIDDEN


def found(client: Client, method: str, address: str) -> str:
    """Ask, and return what was found."""
    answer = client.generic(method, address)
    if answer.headers.get("X-Stopped") == StopBehindTheGate.REACHED:
        return LET_IN
    if answer.status_code == 302 and answer["Location"].startswith(
        ("/accounts/sign-in/?next=", "/admin/login/?next=")
    ):
        return SIGN_IN
    if answer.status_code == 401:
        assert answer["WWW-Authenticate"]
    if address.startswith("/api/v1/") and method != "HEAD":
        assert set(answer.json()["error"]) == {"code", "detail"}
    return str(answer.status_code)


@pytest.fixture
def users(settings: Any, monkeypatch: pytest.MonkeyPatch, collected_static_files: None) -> dict[str, User]:
    """Return the accounts, with every request stopped behind the gate, and wrong tokens not counted."""
    monkeypatch.setattr(lockout, "token_limits", lambda request: [])
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.support.access.StopBehindTheGate"]
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    # no request changes a row: those of who asks are read from the database once
    monkeypatch.setattr(tokens, "_stored", cache(tokens._stored))
    account = cache(ModelBackend().get_user)
    monkeypatch.setattr(ModelBackend, "get_user", lambda self, user_id: account(user_id))
    return make_accounts()


def cases() -> Iterator[tuple[Route, str]]:
    """Yield every route with each method; of routes with one address only the first is ever reached."""
    for route in {address_of(route): route for route in reversed(routes())}.values():
        for method in methods_of(route):
            yield route, method


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
@pytest.mark.parametrize("asker", ASKERS, ids=lambda asker: asker.name)
def test_everybody_gets_where_the_table_says_and_nowhere_else(
    users: dict[str, User], settings: Any, asker: Asker, is_open: bool
) -> None:
    settings.OPEN_READING = is_open
    client = client_of(asker, users)
    wrong = []
    for route, method in cases():
        wanted = expected(policy_of(route, method), asker, route, is_open=is_open)
        if (got := found(client, method, address_of(route))) != wanted:
            wrong.append(f"{method} {address_of(route)} ({route.name}): {got} instead of {wanted}")
    assert wrong == []


def test_the_addresses_of_the_matrix_lead_to_every_route() -> None:
    reached = {resolve(address_of(route)).view_name for route in routes()}
    assert {route.name for route in routes() if not route.name.startswith("admin:")} - reached == set()
    assert len({route.name for route, _ in cases()}) > 100
