"""The content security policy: on every page, strict, whoever asks and whatever the answer."""

from __future__ import annotations

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

PAGES = {
    "/": 200,
    "/compare/": 200,
    "/leaderboard/": 200,
    "/tuning/": 200,
    "/embeddings/": 200,
    "/live/": 200,
    "/saved/": 200,
    "/datasets/": 200,
    "/datasets/mine/": 200,
    "/datasets/mine/images/{image}/": 200,
    "/bin/": 200,
    "/jobs/": 200,
    "/jobs/{job}/": 200,
    "/docs/": 200,
    "/api/docs/": 200,
    "/api/schema/": 200,
    "/api/v1/datasets/": 200,
    "/accounts/sign-in/": 302,
    "/accounts/first/": 302,
    "/accounts/password/": 200,
    "/accounts/password/changed/": 200,
    "/accounts/tokens/": 200,
    "/admin/login/": 302,
    "/admin/": 200,
    "/admin/gallery/dataset/upload/": 200,
    "/healthz": 200,
    "/nowhere/": 404,
    "/datasets/none/": 404,
    "/media/images/none.png": 404,
}


def directives(policy: str) -> dict[str, list[str]]:
    """Return the sources of each directive."""
    parts = (part.split() for part in policy.split(";") if part.strip())
    return {name: sources for name, *sources in parts}


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_a_strict_content_policy(
    staff_client: Client, numbers: dict[str, int], path: str
) -> None:
    answer = staff_client.get(path.format(**numbers))
    assert answer.status_code == PAGES[path]
    check(answer["Content-Security-Policy"])


@pytest.mark.parametrize(
    ("path", "status"), [("/accounts/sign-in/", 200), ("/accounts/first/", 200), ("/admin/", 302)]
)
def test_strangers_get_the_same_policy(client: Client, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    check(answer["Content-Security-Policy"])


def check(policy: str) -> None:
    """Fail where a policy would let in inline code, evaluated code or another site."""
    allowed = directives(policy)
    assert "unsafe-" not in policy
    assert "http" not in policy
    assert "*" not in policy
    assert allowed["default-src"] == ["'none'"]
    assert allowed["script-src"] == ["'self'"]
    assert allowed["style-src"] == ["'self'"]
    assert allowed["base-uri"] == allowed["object-src"] == allowed["frame-ancestors"] == ["'none'"]
