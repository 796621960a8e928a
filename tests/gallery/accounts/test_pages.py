"""The pages of accounts: signing in and out, the password, tokens, the first account."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client

from gallery.access.scopes import Scope
from gallery.accounts import first_account, tokens
from gallery.checks import check_settings
from gallery.models import AccessToken
from semsearch_site.management.commands import serve
from tests.support.clock import Clock

pytestmark = pytest.mark.django_db

RIGHT, NEXT_ONE = "a long password", "another long one"
SIGN_IN = "/accounts/sign-in/"


@pytest.fixture
def owner(db: None) -> User:
    """Return a plain account."""
    return User.objects.create_user("anna", password=RIGHT)


@pytest.fixture
def home(settings: Any, tmp_path: Path) -> Path:
    """Return a state folder of its own, in which no code is kept."""
    settings.SEMSEARCH_HOME = tmp_path
    return tmp_path


def sign_in(client: Client, where: str = "", address: str = SIGN_IN) -> Any:
    return client.post(address, {"username": "anna", "password": RIGHT, "next": where})


def test_a_plain_account_signs_in_and_its_name_stands_in_the_header(client: Client, owner: User) -> None:
    answer = sign_in(client)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    page = client.get("/datasets/").content.decode()
    assert ">anna</span>" in page
    for link in ("/accounts/tokens/", "/accounts/password/", 'action="/accounts/sign-out/"'):
        assert link in page
    assert SIGN_IN not in page


@pytest.mark.parametrize(
    "where", ["/live/?image=5&dataset=a%26b", "/datasets/mine/?category=a%2Bb%3D%3Fc", "/?q=caf%C3%A9#map"]
)
def test_signing_in_leads_to_the_whole_address(client: Client, owner: User, where: str) -> None:
    page = client.get(SIGN_IN, {"next": where})
    assert page.context["next"] == where
    assert sign_in(client, where)["Location"] == where


@pytest.mark.parametrize(
    "where",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "\n//evil.example",
    ],
)
def test_signing_in_leads_to_no_other_site(client: Client, owner: User, where: str) -> None:
    assert "evil" not in client.get(SIGN_IN, {"next": where}).content.decode()
    assert sign_in(client, where)["Location"] == "/"
    assert client.get(SIGN_IN, {"next": where})["Location"] == "/"


def test_the_link_to_sign_in_is_quoted_and_keeps_the_query(client: Client, owner: User) -> None:
    page = client.get("/datasets/?after=1%3Aa%26b&x=%22%3E").content.decode()
    (link,) = re.findall(r'href="(/accounts/sign-in/[^"]*)"', page)
    assert link == "/accounts/sign-in/?next=%2Fdatasets%2F%3Fafter%3D1%253Aa%2526b%26x%3D%2522%253E"
    assert client.get(link).context["next"] == "/datasets/?after=1%3Aa%26b&x=%22%3E"


def test_the_admin_asks_on_our_page_and_a_plain_account_is_told_why_it_is_not_let_in(
    client: Client, owner: User
) -> None:
    asked = client.get("/admin/gallery/dataset/?q=a%26b", follow=True)
    assert asked.redirect_chain[-1][0].startswith(f"{SIGN_IN}?next=%2Fadmin%2Fgallery%2Fdataset%2F%3Fq%3D")
    assert asked.context["next"] == "/admin/gallery/dataset/?q=a%26b"
    sign_in(client)
    refused = client.get("/admin/", follow=True)
    assert refused.status_code == 200
    assert "You are signed in as anna, who may not use that page" in refused.content.decode()
    assert client.get(SIGN_IN)["Location"] == "/"


def test_the_address_of_the_admin_still_takes_a_form(client: Client, owner: User) -> None:
    User.objects.update(is_staff=True)
    assert sign_in(client, "/admin/", "/admin/login/")["Location"] == "/admin/"
    assert client.get("/admin/login/")["Location"] == f"{SIGN_IN}?next=%2Fadmin%2F"
    assert client.get("/admin/password_change/")["Location"] == "/accounts/password/"


@pytest.mark.parametrize("address", ["/accounts/sign-out/", "/admin/logout/"])
def test_signing_out_needs_a_form_and_ends_the_session(client: Client, owner: User, address: str) -> None:
    sign_in(client)
    kept = client.cookies["sessionid"].value
    assert client.get(address).status_code == 405
    assert client.post(address)["Location"] == SIGN_IN
    client.cookies["sessionid"] = kept
    assert client.get("/accounts/tokens/").status_code == 302


def test_the_cookie_of_a_session_is_for_the_site_only_and_ends(client: Client, owner: User) -> None:
    sign_in(client)
    cookie = client.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 14 * 86_400)


def test_a_session_that_ends_at_once_is_a_wrong_setting(settings: Any) -> None:
    settings.SESSION_COOKIE_AGE = 0
    assert [found.id for found in check_settings()] == ["gallery.E020"]


def test_a_wrong_password_says_so_and_an_inactive_account_cannot_sign_in(client: Client, owner: User) -> None:
    answer = client.post(SIGN_IN, {"username": "anna", "password": "wrong"})
    assert "do not belong together" in answer.content.decode()
    User.objects.update(is_active=False)
    assert "do not belong together" in sign_in(client).content.decode()


@pytest.mark.parametrize("address", ["password/", "password/changed/", "tokens/", "tokens/1/revoke/"])
@pytest.mark.parametrize("open_reading", [True, False])
def test_what_is_ones_own_needs_signing_in(
    client: Client, db: None, settings: Any, address: str, open_reading: bool
) -> None:
    settings.OPEN_READING = open_reading
    for answer in (client.get(f"/accounts/{address}"), client.post(f"/accounts/{address}")):
        assert answer.status_code == 302
        assert answer["Location"] == f"{SIGN_IN}?next=/accounts/{address}"


def change(client: Client, **more: str) -> Any:
    body = {"old_password": RIGHT, "new_password1": NEXT_ONE, "new_password2": NEXT_ONE}
    return client.post("/accounts/password/", body | more)


def test_another_password_ends_every_other_session_and_if_wished_the_tokens(
    client: Client, owner: User
) -> None:
    text = tokens.make_token(owner, "t", [Scope.READ])[1]
    elsewhere = Client()
    sign_in(elsewhere)
    sign_in(client)
    assert 'name="end_tokens" class' not in client.get("/accounts/password/").content.decode()
    assert "checked" in str(client.get("/accounts/password/").context["form"]["end_tokens"])
    assert change(client)["Location"] == "/accounts/password/changed/"
    assert client.get("/accounts/password/changed/").status_code == 200
    assert elsewhere.get("/accounts/tokens/").status_code == 302
    asked = client.get("/api/v1/jobs/", HTTP_AUTHORIZATION=f"Token {text}")
    assert asked.status_code == 200
    assert change(client, old_password=NEXT_ONE, new_password1=RIGHT, new_password2=RIGHT, end_tokens="on")
    assert client.get("/api/v1/jobs/", HTTP_AUTHORIZATION=f"Token {text}").status_code == 401


def test_a_weak_or_mistyped_password_is_refused(client: Client, owner: User) -> None:
    sign_in(client)
    for body in ({"new_password1": "short", "new_password2": "short"}, {"new_password2": "x" + NEXT_ONE}):
        assert change(client, **body).status_code == 200
    assert change(client, old_password="wrong").status_code == 200
    assert User.objects.get().check_password(RIGHT)


def test_a_token_is_made_shown_once_and_revoked_after_a_question(client: Client, owner: User) -> None:
    sign_in(client)
    body = {"name": "nightly <job>", "scopes": ["search", "read"], "lifetime": "30"}
    answer = client.post("/accounts/tokens/", body)
    text = answer.context["text"]
    page = answer.content.decode()
    assert text in page
    assert "nightly &lt;job&gt;" in page
    assert answer["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
    example = answer.context["example"]
    assert example == f'curl -H "Authorization: Token {text}" http://testserver/api/v1/datasets/'
    assert text not in client.get("/accounts/tokens/").content.decode()
    made = AccessToken.objects.get()
    assert (made.name, made.scopes) == ("nightly <job>", [Scope.READ, Scope.SEARCH])
    address = f"/accounts/tokens/{made.pk}/revoke/"
    assert "Revoke “nightly &lt;job&gt;”?" in client.get(address).content.decode()
    assert AccessToken.objects.exists()
    assert client.post(address)["Location"] == "/accounts/tokens/"
    assert not AccessToken.objects.exists()
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(("lifetime", "days"), [("30", 30), ("90", 90), ("365", 365), ("never", None)])
def test_a_token_ends_as_was_chosen(
    client: Client, owner: User, clock: Clock, lifetime: str, days: int | None
) -> None:
    client.force_login(owner)
    client.post("/accounts/tokens/", {"name": "t", "scopes": ["write"], "lifetime": lifetime})
    ends = AccessToken.objects.get().expires_at
    assert (None if ends is None else (ends - clock.now).days) == days


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "scopes": ["read"], "lifetime": "30"},
        {"name": "t", "lifetime": "30"},
        {"name": "t", "scopes": ["fly"], "lifetime": "30"},
        {"name": "t", "scopes": ["read"], "lifetime": "99999"},
        {"name": "t", "scopes": ["read"]},
    ],
)
def test_a_token_without_name_scope_or_end_is_not_made(
    client: Client, owner: User, body: dict[str, Any]
) -> None:
    client.force_login(owner)
    answer = client.post("/accounts/tokens/", body)
    assert answer.context["form"].errors
    assert not AccessToken.objects.exists()


def test_nobody_sees_or_revokes_the_tokens_of_others(client: Client, owner: User) -> None:
    made, _ = tokens.make_token(owner, "mine", [Scope.READ])
    client.force_login(User.objects.create_superuser("bob"))
    assert "mine" not in client.get("/accounts/tokens/").content.decode()
    for method in (client.get, client.post):
        assert method(f"/accounts/tokens/{made.pk}/revoke/").status_code == 404
    assert client.delete(f"/api/v1/tokens/{made.pk}/").status_code == 404
    assert client.get("/api/v1/tokens/").json()["results"] == []
    # the admin shows everybody's, but for the token itself, and revokes them
    page = client.get("/admin/gallery/accesstoken/")
    assert "mine" in page.content.decode()
    assert client.get("/admin/gallery/accesstoken/add/").status_code == 403
    shown = client.get(f"/admin/gallery/accesstoken/{made.pk}/change/").content.decode()
    assert made.digest not in shown
    client.post("/admin/gallery/accesstoken/", {"action": "revoke", "_selected_action": [made.pk]})
    assert not AccessToken.objects.exists()


def test_the_api_manages_tokens_by_session_only(client: Client, owner: User) -> None:
    text = tokens.make_token(owner, "t", Scope)[1]
    body = {"name": "another", "scopes": ["read"]}
    headers: list[dict[str, Any]] = [{}, {"HTTP_AUTHORIZATION": f"Token {text}"}]
    for header in headers:
        asked = [
            client.get("/api/v1/tokens/", **header),
            client.post("/api/v1/tokens/", body, content_type="application/json", **header),
            client.delete("/api/v1/tokens/1/", **header),
        ]
        assert {answer.status_code for answer in asked} == ({403} if header else {401})
    client.force_login(owner)
    made = client.post("/api/v1/tokens/", body, content_type="application/json")
    assert made.status_code == 201
    assert AccessToken.objects.filter(digest=tokens.digest_of(made.json()["token"]), name="another").exists()
    assert "token" not in client.get("/api/v1/tokens/").json()["results"][0]
    assert client.delete(f"/api/v1/tokens/{made.json()['id']}/").status_code == 204
    assert list(AccessToken.objects.values_list("name", flat=True)) == ["t"]


def first(client: Client, code: str, **more: str) -> Any:
    body = {"code": code, "username": "me", "password1": RIGHT, "password2": RIGHT}
    return client.post("/accounts/first/", body | more)


def test_who_knows_the_code_makes_the_first_account_once(client: Client, db: None, home: Path) -> None:
    code = first_account.new_code()
    assert re.fullmatch("([2-9A-HJ-NP-Z]{4}-){2}[2-9A-HJ-NP-Z]{4}", code)
    (kept,) = home.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "there is no account" in client.get(SIGN_IN).content.decode()
    assert first(client, code.lower().replace("-", " ")).status_code == 302
    made = User.objects.get()
    assert (made.username, made.is_staff, made.is_superuser, made.check_password(RIGHT)) == (
        "me", True, True, True,
    )  # fmt: skip
    assert client.get("/accounts/tokens/").status_code == 200
    assert list(home.iterdir()) == []
    assert first(Client(), code, username="other")["Location"] == SIGN_IN
    assert User.objects.count() == 1


def test_without_the_right_code_nothing_is_made_and_nothing_is_told(
    client: Client, db: None, home: Path
) -> None:
    User.objects.create_user("anna")
    first_account.new_code()
    answer = first(client, "WRONG", username="anna", password1="x", password2="x")
    assert list(answer.context["form"].errors) == ["code"]
    assert not User.objects.filter(is_superuser=True).exists()


def test_what_is_wrong_with_name_and_password_is_said_and_the_code_stays_good(
    client: Client, db: None, home: Path
) -> None:
    User.objects.create_user("anna")
    code = first_account.new_code()
    assert "username" in first(client, code, username="anna").context["form"].errors
    assert first(client, code, password1="short", password2="short").context["form"].errors
    assert first(client, code).status_code == 302


def test_a_code_is_worth_nothing_once_there_is_a_superuser_and_a_new_start_makes_another(
    client: Client, db: None, home: Path
) -> None:
    before = first_account.new_code()
    code = first_account.new_code()
    assert first(client, before).context["form"].errors
    call_command("createsuperuser", interactive=False, username="admin", email="", verbosity=0)
    assert first(client, code)["Location"] == SIGN_IN
    assert list(home.iterdir()) == []


def test_of_two_who_know_the_code_one_makes_the_account(db: None, home: Path) -> None:
    code = first_account.new_code()
    first_account.make(User(username="a"), code)
    with pytest.raises(first_account.WrongCodeError):
        first_account.make(User(username="b"), code)
    assert User.objects.get().username == "a"


def test_a_start_prints_address_and_code_while_there_is_no_account(
    db: None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = serve.first_account_line("http://127.0.0.1:8000")
    address, code = "http://127.0.0.1:8000/accounts/first/", (home / "first-account-code").read_text()
    assert said == f"No account yet: make the first at {address} with the code {code}"
    User.objects.create_superuser("me")
    assert serve.first_account_line("http://127.0.0.1:8000") == ""

    def unreachable() -> bool:
        raise OperationalError

    monkeypatch.setattr(first_account, "is_needed", unreachable)
    assert serve.first_account_line("http://127.0.0.1:8000") == ""


def test_behind_a_proxy_that_speaks_https_the_first_account_is_made_at_its_address(
    db: None, home: Path, settings: Any
) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://*.example.org", "https://pictures.example.org"]
    assert serve.public_site() == ""
    settings.HTTPS = True
    assert serve.public_site() == "https://pictures.example.org"
    settings.CSRF_TRUSTED_ORIGINS = []
    assert serve.public_site() == ""


def test_a_site_that_was_started_without_a_code_says_what_to_do(client: Client, db: None, home: Path) -> None:
    assert "manage.py createsuperuser" in client.get("/accounts/first/").content.decode()
    assert first(client, "").status_code == 200
    assert not User.objects.exists()
