"""The table of policies: complete, true to what there is, and refused with words that say what is needed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gallery.access import policies, routes
from gallery.models import Dataset, Image
from semsearch_site.urls import urlpatterns as site_patterns
from tests.support.access import make_accounts

pytestmark = pytest.mark.django_db


def novelty(request: HttpRequest) -> HttpResponse:
    """Answer to everybody."""
    return HttpResponse("new")


class Novelty(APIView):
    """An action whose name has a policy, but for one of its methods."""

    def get(self, request: Request) -> Response:
        """Answer."""
        return Response("old")

    def put(self, request: Request) -> Response:
        """Answer."""
        return Response("new")


class WithPage:
    """Addresses with a page that has no policy."""

    urlpatterns = [path("novelty/", novelty, name="novelty"), *site_patterns]


class WithUnnamedPage:
    """Addresses with a page that has no name, and so no policy."""

    urlpatterns = [path("novelty/", novelty), *site_patterns]


class WithMethod:
    """Addresses with an action that has no policy for one of its methods."""

    urlpatterns = [path("novelty/", Novelty.as_view(), name="models")]


class WithTakenName:
    """Addresses with a page that has the name of another."""

    urlpatterns = [path("novelty/", novelty, name="healthz"), *site_patterns]


@pytest.mark.parametrize(
    ("urlconf", "words"),
    [
        (WithPage, "The route novelty (novelty/) has no policy."),
        (WithUnnamedPage, "novelty (novelty/) has no policy."),
        (WithMethod, "The method PUT of models (novelty/) has no policy."),
        (WithTakenName, "Two routes are called healthz"),
    ],
)
def test_a_route_without_a_policy_fails_the_checks_and_the_start(
    settings: Any, urlconf: type, words: str
) -> None:
    settings.ROOT_URLCONF = urlconf
    with pytest.raises(SystemCheckError) as refused:
        call_command("check")
    assert words in str(refused.value)
    assert "gallery.E030" in str(refused.value)
    with pytest.raises(ImproperlyConfigured, match=r"gallery/access/policies\.py"):
        routes.require_policies()


@pytest.mark.parametrize(("urlconf", "method"), [(WithPage, "GET"), (WithMethod, "PUT")])
def test_a_route_without_a_policy_is_closed_to_everybody(
    client: Client, settings: Any, urlconf: type, method: str
) -> None:
    settings.ROOT_URLCONF = urlconf
    client.force_login(User.objects.create_superuser("root"))
    answer = client.generic(method, "/novelty/")
    assert answer.status_code == 403
    assert b"no policy" in answer.content


def test_the_table_has_a_reason_everywhere_and_nothing_that_is_not_there() -> None:
    assert routes.gaps() == []
    there = {route.name: route for route in routes.routes()}
    for name, entry in policies.TABLE.items():
        if name == policies.ADMIN_SITE:
            continue
        found = [entry] if isinstance(entry, policies.Policy) else list(entry.values())
        assert all(policy.why for policy in found), name
        methods = there[name].methods
        assert (methods is None) == isinstance(entry, policies.Policy), name
        if isinstance(entry, dict):
            assert methods == frozenset(entry), name


def test_every_permission_that_is_asked_for_is_one_of_djangos() -> None:
    for name in policies.permissions_named():
        application, _, codename = name.partition(".")
        action, _, model = codename.partition("_")
        assert action in apps.get_model(application, model)._meta.default_permissions


def test_what_writes_asks_for_permissions_and_what_reads_for_none() -> None:
    own = {"saved-search-list", "saved-search-detail"}  # what people keep for themselves takes none
    for name, entry in policies.TABLE.items():
        for method, policy in entry.items() if isinstance(entry, dict) else ():
            writes = policy.rule in (policies.Rule.WRITE, policies.Rule.ADMIN)
            assert (writes and name not in own) == bool(policy.permissions)
            assert not (writes and method == "GET")


def test_staff_without_permissions_may_not_do_in_the_api_what_the_admin_refuses(
    dataset: Dataset, client: Client
) -> None:
    users = make_accounts()
    client.force_login(users["staff"])
    address = f"/api/v1/datasets/{dataset.slug}/"
    for method, body in (("patch", {"name": "Yours"}), ("delete", {})):
        answer = getattr(client, method)(address, json.dumps(body), "application/json")
        assert answer.status_code == 403
        assert f"gallery.{'change' if body else 'delete'}_dataset" in answer.json()["error"]["detail"]
        assert "and, of a token, the scope write" in answer.json()["error"]["detail"]
    assert client.get(f"/admin/gallery/dataset/{dataset.pk}/delete/").status_code == 403
    assert client.get("/admin/gallery/dataset/upload/").status_code == 403
    dataset.refresh_from_db()
    assert dataset.name == "Mine"


def test_somebody_with_the_permissions_need_not_be_staff(dataset: Dataset, client: Client) -> None:
    client.force_login(make_accounts()["writer"])
    address = f"/api/v1/datasets/{dataset.slug}/"
    renamed = client.patch(address, json.dumps({"name": "Ours"}), "application/json")
    assert (renamed.status_code, renamed.json()["name"]) == (200, "Ours")
    assert client.delete(address).status_code == 204
    assert not Dataset.objects.exists()


def test_who_deletes_a_dataset_must_be_allowed_to_delete_images_too(dataset: Dataset, client: Client) -> None:
    user = make_accounts()["writer"]
    group = Group.objects.get()
    group.permissions.remove(*group.permissions.filter(codename="delete_image"))
    client.force_login(user)
    answer = client.delete(f"/api/v1/datasets/{dataset.slug}/")
    assert answer.status_code == 403
    assert "gallery.delete_image" in answer.json()["error"]["detail"]


def test_the_schema_says_the_scope_and_the_permissions_of_every_operation() -> None:
    schema: dict[str, Any] = dict(SchemaGenerator().get_schema(request=None, public=True))
    operations = [operation for path in schema["paths"].values() for operation in path.values()]
    scopes = {operation.get("x-scope", operation["description"][-18:]) for operation in operations}
    assert scopes == {"read", "search", "write", "admin", "Needed: a session."}
    delete = schema["paths"]["/api/v1/images/{id}/"]["delete"]
    assert (delete["x-scope"], delete["x-permissions"]) == ("write", ["gallery.delete_image"])
    assert delete["description"].endswith(
        "Needed: the permission gallery.delete_image and, of a token, the scope write."
    )
    assert schema["paths"]["/api/v1/search/"]["post"]["x-scope"] == "search"
    assert schema["paths"]["/api/v1/datasets/"]["get"]["x-scope"] == "read"


def test_every_page_of_the_admin_site_asks_for_itself(client: Client) -> None:
    from tests.gallery.test_policy_matrix import address_of

    client.force_login(make_accounts()["writer"])
    addresses = {address_of(route) for route in routes.routes() if route.name.startswith("admin:")}
    assert len(addresses) > 50
    # pages of the site, which accounts without staff use too
    for address in addresses - {"/admin/login/", "/admin/logout/", "/admin/password_change/"}:
        answer = client.get(address)
        assert answer.status_code == 302, address
        assert answer["Location"].startswith("/admin/login/?next="), address


@pytest.mark.parametrize(("names", "staff"), [(["user"], False), ([], True)])
def test_the_command_lets_users_write(client: Client, names: list[str], staff: bool) -> None:
    user = User.objects.create_user("user", is_staff=staff)
    client.force_login(user)
    body = json.dumps({"slug": "new", "name": "New"})
    assert client.post("/api/v1/datasets/", body, "application/json").status_code == 403
    call_command("make_editors", *names, staff=staff)
    assert client.post("/api/v1/datasets/", body, "application/json").status_code == 201
    with pytest.raises(CommandError, match="no user called nobody"):
        call_command("make_editors", "nobody")


def test_buttons_are_shown_to_those_who_may_press_them(dataset: Dataset, client: Client) -> None:
    users = make_accounts()
    names = {"file": "images/1/a.png", "thumbnail": "thumbnails/1/a.png"}
    Image.objects.create(dataset=dataset, sha256="a", width=1, height=1, size_bytes=1, **names)
    shown = {}
    for name in ("staff", "writer", "root"):
        client.force_login(users[name])
        shown[name] = {
            "compute": "data-may-compute" in client.get("/").content.decode(),
            "promote": "data-may-promote" in client.get("/leaderboard/").content.decode(),
            "collect": "data-may-collect" in client.get("/embeddings/").content.decode(),
            "upload": "/admin/gallery/dataset/upload/" in client.get("/datasets/").content.decode(),
        }
    nothing = dict.fromkeys(shown["staff"], False)
    # the upload is a page of the admin, which asks for staff besides
    assert shown == {
        "staff": nothing,
        "writer": dict.fromkeys(nothing, True) | {"upload": False},
        "root": dict.fromkeys(nothing, True),
    }
