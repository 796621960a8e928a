"""Below a path prefix everything is found; only the settings and a trusted proxy say which it is."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import get_script_prefix, set_script_prefix

from gallery.api.schema import name_server
from semsearch_site.storages.local_storage import LocalStorage
from semsearch_site.web import prefixes
from semsearch_site.web.environ import environ_of


def scope_of(path: str, header: str = "", client: str = "127.0.0.1") -> Any:
    headers = [(b"x-forwarded-prefix", header.encode())] if header else []
    return {
        "type": "http", "method": "GET", "http_version": "1.1", "scheme": "http", "query_string": b"",
        "path": path, "raw_path": path.encode(), "headers": headers, "client": (client, 1), "server": None,
    }  # fmt: skip


def parted(scope: Any) -> tuple[str, str]:
    prefixes.put_scope_in_order(scope)
    environ = environ_of(scope)
    # a server of another make would do it to the environment: twice changes nothing
    prefixes.put_environ_in_order(environ)
    return environ["SCRIPT_NAME"], environ["PATH_INFO"]


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("/semsearch/live/", "/live/"),
        ("/live/", "/live/"),
        ("/semsearch", "/"),
        ("/semsearch/", "/"),
        ("/semsearches/", "/semsearches/"),
        ("/semsearch/datasets/%C3%A4/", "/datasets/\xc3\xa4/"),
    ],
)
def test_a_proxy_may_take_the_prefix_off_or_leave_it(settings: Any, asked: str, path: str) -> None:
    settings.URL_PREFIX = "/semsearch"
    assert parted(scope_of(asked)) == ("/semsearch", path)
    settings.URL_PREFIX, settings.TRUSTED_PROXIES = "", ["127.0.0.1"]
    assert parted(scope_of(asked, "/semsearch/")) == ("/semsearch", path)


def test_without_a_prefix_an_address_is_what_it_is(settings: Any) -> None:
    assert parted(scope_of("/semsearch/live/")) == ("", "/semsearch/live/")


def test_a_stranger_does_not_say_where_the_site_is(settings: Any) -> None:
    assert parted(scope_of("/live/", "/evil")) == ("", "/live/")
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    assert parted(scope_of("/live/", "/evil")) == ("", "/live/")
    assert parted(scope_of("/live/", "/good", client="10.1.2.3")) == ("/good", "/live/")
    settings.URL_PREFIX = "/semsearch"
    assert parted(scope_of("/live/", "/evil", client="10.1.2.3")) == ("/semsearch", "/live/")


@pytest.mark.parametrize(
    "header", ["//evil.example", "/a//b", "https://evil.example", "/../x", "/a b", "/<script>"]
)
def test_what_is_no_path_is_no_prefix(settings: Any, header: str) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    prefix, _ = parted(scope_of("/live/", header))
    assert prefix in ("", "/evil.example")  # one slash: a path of this very site


def test_stored_files_and_operations_are_below_the_prefix_of_the_request() -> None:
    before = get_script_prefix()
    try:
        set_script_prefix("/semsearch")
        assert LocalStorage().url("images/1/a b.jpg") == "/semsearch/media/images/1/a%20b.jpg"
        assert name_server({}) == {"servers": [{"url": "/semsearch"}]}
        set_script_prefix("/")
        assert LocalStorage().url("images/1/a.jpg") == "/media/images/1/a.jpg"
        assert name_server({}) == {}
    finally:
        set_script_prefix(before)
