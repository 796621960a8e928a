"""Access tokens: what is stored of them, whom they let in, and when they end."""

from __future__ import annotations

import hashlib
import importlib
import json
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from gallery.access.scopes import Scope
from gallery.accounts import tokens
from gallery.models import AccessToken
from tests.support.clock import Clock
from tests.support.rates import forget_hits

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(db: None) -> User:
    """Return the account whose tokens they are."""
    return User.objects.create_superuser("robot")


def ask(client: Client, text: str, scheme: str = "Token", address: str = "/api/v1/jobs/") -> Any:
    return client.get(address, HTTP_AUTHORIZATION=f"{scheme} {text}")


def test_only_a_digest_and_the_beginning_of_a_token_are_stored(owner: User) -> None:
    made, text = tokens.make_token(owner, "robot", [Scope.SEARCH, Scope.READ])
    assert text.startswith("sem_")
    assert len(text) > 40
    stored = AccessToken.objects.values().get()
    assert stored["digest"] == hashlib.sha512(text.encode()).hexdigest()
    assert not any(text in str(value) for value in stored.values())
    assert text.startswith(made.prefix)
    assert AccessToken.objects.get().scopes == [Scope.READ, Scope.SEARCH]
    assert made.expires_at is not None
    assert abs(made.expires_at - timezone.now() - timedelta(days=365)) < timedelta(minutes=1)


def test_no_end_and_no_scope_are_chosen_expressly(owner: User) -> None:
    made, _ = tokens.make_token(owner, "for ever", [], days=None)
    assert (made.expires_at, AccessToken.objects.get().scopes) == (None, [])


def test_a_scope_that_this_version_does_not_know_is_left_out(owner: User) -> None:
    made, _ = tokens.make_token(owner, "t", [Scope.READ])
    AccessToken.objects.filter(pk=made.pk).update(scopes=["fly", "read"])
    assert AccessToken.objects.get().scopes == [Scope.READ]


@pytest.mark.parametrize("scheme", ["Token", "token", "Bearer", "BEARER"])
def test_a_token_is_sent_by_either_word(client: Client, owner: User, scheme: str, settings: Any) -> None:
    settings.OPEN_READING = False
    text = tokens.make_token(owner, "t", Scope)[1]
    assert ask(client, text, scheme).status_code == 200
    assert client.get("/api/v1/jobs/").status_code == 401


def test_a_request_with_a_token_carries_it_with_its_scopes(owner: User) -> None:
    from rest_framework.request import Request
    from rest_framework.test import APIRequestFactory

    from gallery.accounts.authentication import TokenAuthentication

    made, text = tokens.make_token(owner, "t", [Scope.READ])
    plain = APIRequestFactory().get("/", HTTP_AUTHORIZATION=f"Bearer {text}")
    request = Request(plain, authenticators=[TokenAuthentication()])
    token: Any = request.auth
    assert (request.user, token, token.scopes) == (owner, made, [Scope.READ])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "token_unknown"),
        ("sem_nothing", "token_unknown"),
        ("two words", "token_unknown"),
        ("é" * 20, "token_unknown"),
        ("x" * 5000, "token_unknown"),
    ],
)
def test_a_token_that_is_none_is_refused_and_never_treated_as_a_stranger(
    client: Client, db: None, text: str, code: str
) -> None:
    answer = ask(client, text)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
    assert answer["WWW-Authenticate"] == "Token"


def test_expired_revoked_and_of_an_inactive_account_a_token_lets_nobody_in(
    client: Client, owner: User, clock: Clock
) -> None:
    made, text = tokens.make_token(owner, "t", Scope, days=1)
    assert ask(client, text).status_code == 200
    clock.forward(86_400)
    assert (ask(client, text).status_code, ask(client, text).json()["error"]["code"]) == (
        401,
        "token_expired",
    )
    AccessToken.objects.update(expires_at=None)
    assert ask(client, text).status_code == 200
    User.objects.update(is_active=False)
    assert ask(client, text).json()["error"]["code"] == "account_inactive"
    User.objects.update(is_active=True)
    tokens.revoke(made)
    assert (ask(client, text).status_code, ask(client, text).json()["error"]["code"]) == (
        401,
        "token_unknown",
    )


def test_tokens_end_with_their_account(owner: User) -> None:
    tokens.make_token(owner, "t", Scope)
    owner.delete()
    assert not AccessToken.objects.exists()


def test_a_token_costs_one_query_and_its_use_is_written_once_a_minute(
    client: Client, owner: User, clock: Clock, django_assert_num_queries: Any
) -> None:
    text = tokens.make_token(owner, "t", Scope)[1]
    with django_assert_num_queries(3):  # the token, its use, the jobs
        ask(client, text)
    first = AccessToken.objects.get().last_used_at
    assert first == clock.now
    clock.forward(59)
    with django_assert_num_queries(2):
        ask(client, text)
    assert AccessToken.objects.get().last_used_at == first
    clock.forward(1)
    with django_assert_num_queries(3):
        ask(client, text)
    assert AccessToken.objects.get().last_used_at == clock.now


def test_an_authorization_of_another_kind_is_not_ours(client: Client, db: None) -> None:
    assert client.get("/api/v1/jobs/", HTTP_AUTHORIZATION="Basic YTpi").status_code == 200


def test_the_command_makes_a_token_for_a_year_that_may_do_everything(owner: User, capsys: Any) -> None:
    call_command("create_token", "robot", "--json")
    report = json.loads(capsys.readouterr().out)
    assert report["header"] == f"Authorization: Token {report['token']}"
    assert (report["staff"], report["scopes"]) == (True, ["read", "search", "write", "admin"])
    stored = AccessToken.objects.get()
    assert stored.expires_at is not None
    assert report["expires_at"] == stored.expires_at.isoformat()
    assert stored.digest == tokens.digest_of(report["token"])


def test_the_command_takes_name_scopes_and_days(owner: User, capsys: Any) -> None:
    call_command("create_token", "robot", "--name", "nightly", "--scopes", "search,read", "--days", "7")
    stored = AccessToken.objects.get()
    assert (stored.name, stored.scopes) == ("nightly", [Scope.READ, Scope.SEARCH])
    assert stored.expires_at is not None
    assert abs(stored.expires_at - timezone.now() - timedelta(days=7)) < timedelta(minutes=1)
    call_command("create_token", "robot", "--days", "0")
    assert AccessToken.objects.latest("pk").expires_at is None
    for words in (["--scopes", "fly"], ["--scopes", ""], ["--days", "-1"], ["--days", "9999"]):
        with pytest.raises(CommandError):
            call_command("create_token", "robot", *words)
    with pytest.raises(CommandError, match="no such user"):
        call_command("create_token", "nobody")


def test_an_account_has_so_many_tokens_at_most(
    client: Client, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "MOST_OF_ACCOUNT", 1)
    first, _ = tokens.make_token(owner, "first", [Scope.READ])
    client.force_login(owner)
    asked = {"name": "second", "scopes": ["read"]}
    refused = client.post("/api/v1/tokens/", json.dumps(asked), content_type="application/json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "too_many_tokens")
    page = client.post("/accounts/tokens/", asked | {"lifetime": "365"})
    assert "You have 1 tokens: revoke one first." in page.content.decode()
    assert owner.access_tokens.count() == 1
    tokens.revoke(first)
    tokens.make_token(owner, "second", [Scope.READ])


def test_making_tokens_counts_as_attempts_to_sign_in(client: Client, owner: User, settings: Any) -> None:
    forget_hits()
    settings.SIGN_IN_THROTTLE = "2/min"
    client.force_login(owner)
    asked = json.dumps({"name": "t", "scopes": ["read"]})
    made = [
        client.post("/api/v1/tokens/", asked, content_type="application/json").status_code for _ in range(3)
    ]
    assert made == [201, 201, 429]


def test_tokens_of_knox_go_on_and_its_table_goes(client: Client, owner: User, settings: Any) -> None:
    settings.OPEN_READING = False
    migration = importlib.import_module("gallery.migrations.0009_tokens_of_knox")
    text = "0123456789abcdef" * 4
    made_at = timezone.now() - timedelta(days=400)
    editor = connection.SchemaEditorClass(connection, atomic=False)
    editor.deferred_sql = []
    editor.create_model(migration.KnoxToken)
    migration.KnoxToken.objects.create(
        digest=hashlib.sha512(text.encode()).hexdigest(),
        token_key=text[:15],
        user_id=owner.pk,
        created=made_at,
        expiry=None,
    )
    for _ in range(2):  # there is nothing to do a second time, nor on a new database
        migration.carry_over(apps, editor)
        migration.drop_table(apps, editor)
    stored = AccessToken.objects.get()
    assert (stored.name, stored.created_at, stored.expires_at) == ("from before", made_at, None)
    assert stored.scopes == list(Scope)
    assert ask(client, text).status_code == 200
    owner.delete()  # no row of a table that nobody knows any more refers to it
