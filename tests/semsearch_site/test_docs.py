"""The documents at /docs/: what is sent of a folder that was built, and what is said where none was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def built(tmp_path: Path, settings: Any) -> Path:
    """Return a folder of documents, as built, beside a file that is not one of them."""
    site = tmp_path / "site"
    (site / "how-to").mkdir(parents=True)
    (site / "index.html").write_text("<h1>Documents</h1>")
    (site / "how-to" / "index.html").write_text("<h1>How to</h1>")
    (site / "how-to" / "a.css").write_text("a {}")
    (tmp_path / "secret.html").write_text("secret")
    (site / "link.html").symlink_to(tmp_path / "secret.html")
    settings.DOCS_ROOT = site
    return site


def body(answer: Any) -> bytes:
    """Return what a file's answer sends."""
    return b"".join(answer.streaming_content)


@pytest.mark.parametrize(
    ("address", "kind", "words"),
    [
        ("/docs/", "text/html; charset=utf-8", b"<h1>Documents</h1>"),
        ("/docs/index.html", "text/html; charset=utf-8", b"<h1>Documents</h1>"),
        ("/docs/how-to/", "text/html; charset=utf-8", b"<h1>How to</h1>"),
        ("/docs/how-to/a.css", "text/css; charset=utf-8", b"a {}"),
    ],
)
def test_a_file_of_the_documents_is_sent_as_what_it_is(
    built: Path, client: Client, address: str, kind: str, words: bytes
) -> None:
    answer = client.get(address)
    assert (answer.status_code, answer["Content-Type"], body(answer)) == (200, kind, words)
    again = client.get(address, headers={"If-Modified-Since": answer["Last-Modified"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path", ["none.html", "../secret.html", "%2e%2e/secret.html", "how-to/../../secret.html", "link.html",
             "//etc/passwd", "how-to%5c..%5c..%5csecret.html", "a%00.html"],
)  # fmt: skip
def test_nothing_else_can_be_reached_from_there(built: Path, client: Client, path: str) -> None:
    assert client.get(f"/docs/{path}").status_code == 404


def test_where_nothing_is_built_a_page_says_how(tmp_path: Path, settings: Any, client: Client) -> None:
    settings.DOCS_ROOT = tmp_path / "none"
    for address, status in {"/docs/": 200, "/docs/how-to/backup.html": 404}.items():
        answer = client.get(address)
        assert answer.status_code == status
        assert "make docs" in answer.content.decode()
        assert "docs/index.md" in answer.content.decode()


def test_a_closed_site_asks_strangers_to_sign_in_first(built: Path, settings: Any, client: Client) -> None:
    settings.OPEN_READING = False
    assert client.get("/docs/")["Location"] == "/accounts/sign-in/?next=/docs/"
