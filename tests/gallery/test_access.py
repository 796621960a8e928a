"""A closed installation: who is sent to the sign-in page, and where signing in leads."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from gallery.access.scopes import Scope
from gallery.accounts import tokens
from semsearch_site.monitoring import health

pytestmark = pytest.mark.django_db

# as a browser sends them: every one has to come back as it is
ADDRESSES = [
    "/",
    "/live/",
    "/live/?image=5&dataset=a",
    "/live/?dataset=a%26b&label=50%25+off%23",
    "/live/?q=caf%C3%A9&next=/elsewhere/",
    "/datasets/mine/?category=a%2Bb%3D%3Fc",
    "/datasets/mine/?category=",
    "/media/images/1/a%26b%23c.jpg",
    "/media/images/1/50%25%20off+1%3F.jpg",
    "/media/images/1/%E7%8C%AB%20%C3%A9.jpg?x=%E7%8C%AB",
]


@pytest.fixture(autouse=True)
def _closed(settings: Any) -> None:
    settings.OPEN_READING = False


@pytest.fixture
def token() -> str:
    """Return the token of a plain user."""
    return tokens.make_token(User.objects.create_user("robot"), "robot", [Scope.READ])[1]


def where_it_leads_back(answer: Any) -> str:
    """Return the one `next` of a redirect to the sign-in page."""
    assert answer.status_code == 302
    assert not answer.content
    sign_in = urlsplit(str(answer["Location"]))
    assert (sign_in.scheme, sign_in.netloc, sign_in.path, sign_in.fragment) == (
        "",
        "",
        "/accounts/sign-in/",
        "",
    )
    ((name, address),) = parse_qsl(sign_in.query, strict_parsing=True)
    assert name == "next"
    return address


def same(one: str, other: str) -> bool:
    """Whether two addresses lead to the same: characters that need no quoting in a path may be quoted."""
    first, second = urlsplit(one), urlsplit(other)
    return (unquote(first.path), first.query) == (unquote(second.path), second.query)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("method", ["get", "head", "post"])
def test_a_visitor_signs_in_and_comes_back_to_the_whole_address(
    client: Client, method: str, address: str
) -> None:
    back = where_it_leads_back(getattr(client, method)(address))
    assert same(back, address)


def test_the_query_string_is_quoted_once(client: Client) -> None:
    answer = client.get("/live/?image=5&dataset=a")
    assert answer["Location"] == "/accounts/sign-in/?next=/live/%3Fimage%3D5%26dataset%3Da"


@pytest.mark.parametrize("address", ["/nothing/", "/live/more/?a=b"])
def test_an_address_that_is_none_of_ours_is_not_found_without_signing_in(
    client: Client, address: str
) -> None:
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("address", ADDRESSES[1:4])
def test_signing_in_leads_to_the_address_that_was_asked_for(client: Client, address: str) -> None:
    User.objects.create_user("reader", password="a long password")
    page = client.get(address, follow=True)
    field = page.context["next"]
    body = {"username": "reader", "password": "a long password", "next": field}
    answer = client.post("/accounts/sign-in/", body)
    assert (answer.status_code, answer["Location"]) == (302, address)


def test_an_image_with_odd_characters_in_its_name_is_reached_after_signing_in(client: Client) -> None:
    name = default_storage.save("images/1/a&b#c%+é.png", ContentFile(b"pixels"))
    address = default_storage.url(name)
    assert same(where_it_leads_back(client.get(address)), address)
    client.force_login(User.objects.create_user("reader"))
    assert b"".join(client.get(address)) == b"pixels"


@pytest.mark.parametrize("method", ["get", "head", "post"])
@pytest.mark.parametrize("address", ["/api/v1/images/?dataset=a&category=b", "/api/v1/search/?k=5"])
def test_the_api_answers_for_itself_instead_of_a_sign_in_page(
    client: Client, method: str, address: str
) -> None:
    answer = getattr(client, method)(address)
    assert answer.status_code in (401, 405)
    assert "Location" not in answer


@pytest.mark.parametrize("address", ["/healthz", "/accounts/sign-in/?next=/live/"])
def test_what_must_work_before_anybody_has_signed_in_is_open(client: Client, address: str) -> None:
    assert client.get(address).status_code == 200


DESCRIPTIONS = ["/metrics", "/api/schema/", "/api/docs/", "/api/docs/?script="]


@pytest.mark.parametrize("address", DESCRIPTIONS)
def test_descriptions_and_figures_follow_the_rule_of_reading(
    client: Client, settings: Any, address: str
) -> None:
    assert client.get(address).status_code == (302 if "docs" in address else 401)
    client.force_login(User.objects.create_user("reader"))
    assert client.get(address).status_code == 200
    settings.OPEN_READING = True
    assert Client().get(address).status_code == 200


def test_a_token_reaches_images_and_all_that_reading_means(token: str) -> None:
    name = default_storage.save("images/1/a.png", ContentFile(b"pixels"))
    client = Client(headers={"Authorization": f"Token {token}"})
    for address in (default_storage.url(name), "/datasets/", "/api/v1/datasets/", *DESCRIPTIONS):
        assert client.get(address).status_code == 200, address
    # the admin site knows sessions only
    assert client.get("/admin/")["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("is_open", [True, False])
def test_a_token_that_is_not_valid_is_refused_in_words_and_never_sent_to_sign_in(
    settings: Any, is_open: bool
) -> None:
    settings.OPEN_READING = is_open
    client = Client(headers={"Authorization": "Token nothing"})
    for address in ("/media/images/1/a.png", "/datasets/", "/api/v1/datasets/", *DESCRIPTIONS):
        answer = client.get(address)
        assert answer.status_code == 401, address
        assert answer["WWW-Authenticate"]
    assert client.get("/healthz").status_code == 200


def test_a_token_is_read_once_a_request(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own, asked = tokens._checked, []

    def counting(*given: Any) -> Any:
        asked.append(given)
        return own(*given)

    monkeypatch.setattr(tokens, "_checked", counting)
    client = Client(headers={"Authorization": f"Token {token}"})
    assert client.get("/api/v1/jobs/").status_code == 200
    assert len(asked) == 1


@pytest.fixture
def unready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the broker of the site be away, with a message that names a server."""

    def away() -> None:
        raise OSError("no connection to 10.0.0.7")

    monkeypatch.setattr(health, "_broker", away)


@pytest.mark.usefixtures("unready")
def test_readiness_is_one_word_to_strangers_and_details_are_for_those_who_run_the_site(
    client: Client, settings: Any
) -> None:
    closed = client.get("/readyz")
    assert (closed.status_code, closed.json()) == (503, {"ready": False})
    settings.OPEN_READING = True
    stranger = client.get("/readyz")
    assert stranger.json()["broker"] == "not ready"
    assert "10.0.0.7" not in stranger.content.decode()
    client.force_login(User.objects.create_superuser("operator"))
    assert client.get("/readyz").json()["broker"] == "OSError: no connection to 10.0.0.7"


def test_somebody_signed_in_is_let_through_and_an_open_installation_asks_nobody(
    client: Client, settings: Any
) -> None:
    reader = Client()
    reader.force_login(User.objects.create_user("reader"))
    assert reader.get("/datasets/?x=1").status_code == 200
    assert client.get("/datasets/?x=1").status_code == 302
    settings.OPEN_READING = True
    assert client.get("/datasets/?x=1").status_code == 200
