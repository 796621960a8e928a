"""Who may send an archive is known before it is read: who may add images, by session or token."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from gallery.access.scopes import Scope
from gallery.accounts import tokens
from semsearch_site.web.senders import may_send_archives

pytestmark = pytest.mark.django_db(transaction=True)


def environ(**headers: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/v1/datasets/mine/upload/",
        "wsgi.input": io.BytesIO(),
        **headers,
    }


@pytest.mark.parametrize(
    ("staff", "active", "adds_images", "may"),
    [
        (True, True, False, False),
        (False, True, False, False),
        (False, True, True, True),
        (True, False, True, False),
    ],
)
def test_an_account_counts_by_session_and_by_token(
    client: Client, *, staff: bool, active: bool, adds_images: bool, may: bool
) -> None:
    user = User.objects.create_user("somebody", is_staff=staff)
    if adds_images:
        user.user_permissions.add(Permission.objects.get(codename="add_image"))
    _, token = tokens.make_token(user, "mine", [Scope.WRITE])
    client.force_login(user)
    User.objects.update(is_active=active)
    assert may_send_archives(environ(HTTP_COOKIE=client.cookies.output(header="").strip())) is may
    assert may_send_archives(environ(HTTP_AUTHORIZATION=f"Token {token}")) is may


def test_nobody_else_may() -> None:
    assert not may_send_archives(environ())
    assert not may_send_archives(environ(HTTP_COOKIE="sessionid=made-up"))
    assert not may_send_archives(environ(HTTP_AUTHORIZATION="Token made-up"))
    assert not may_send_archives(environ(HTTP_AUTHORIZATION="Token"))
