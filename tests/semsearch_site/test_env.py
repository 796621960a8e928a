"""What is read from the environment becomes what the parts of the site take."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from environs import Env
from gunicorn.util import parse_address
from kombu.utils.url import url_to_parts

from semsearch_site import env as environment
from semsearch_site import site_address
from tests.support.site import ROOT
from tests.support.site import environment as environment_of

ODD_HOMES = ("my #1 home", "what?", "100%", "%41?#", "a b;c&d=e", "größe")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::", "localhost"])
def test_the_web_server_understands_where_it_shall_listen(host: str) -> None:
    assert parse_address(site_address.address(host, 8123)) == (host, 8123)


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Env:
    for name in (
        "HOST",
        "PORT",
        "ALLOWED_HOSTS",
        "URL_PREFIX",
        "SCRIPT_NAME",
        "SEMSEARCH_HOME",
        "DATABASE_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    return Env()


@pytest.mark.parametrize("name", ODD_HOMES)
def test_a_state_folder_may_have_any_name(env: Env, tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    assert environment.database(env, home)["NAME"] == str(home / "semsearch.sqlite3")
    # as the transport of Redis reads it
    address = environment.socket_address(home / "valkey.sock").removeprefix("redis+")
    assert f"/{url_to_parts(address).path}" == str(home / "valkey.sock")


def test_a_hash_in_the_address_of_a_database_belongs_to_its_password(
    env: Env, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://user:a#b%3F@[::1]:5432/name")
    found = environment.database(env, Path("/nowhere"))
    assert (found["PASSWORD"], found["HOST"], found["NAME"]) == ("a#b?", "::1", "name")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("localhost, nas.local", ["localhost", "nas.local"]),
        (" nas.local ,, ", ["nas.local"]),
        ("nas.local,\t.example.org\n", ["nas.local", ".example.org"]),
        ("::1, [fe80::1], 192.168.1.7", ["[::1]", "[fe80::1]", "192.168.1.7"]),
        ("*", ["*"]),
    ],
)
def test_blanks_in_lists_and_missing_brackets_do_no_harm(
    env: Env, monkeypatch: pytest.MonkeyPatch, given: str, expected: list[str]
) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", given)
    assert site_address.host_names(env) == expected


@pytest.mark.parametrize("name", ["http://nas.local", "nas.local:8000", "nas.local/", "*.nas.local", "a b"])
def test_what_is_more_than_a_name_is_no_name_of_the_site(
    env: Env, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", f"localhost,{name}")
    with pytest.raises(ImproperlyConfigured, match="without scheme, port and path"):
        site_address.host_names(env)


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("::1", "8000", ("::1", 8000)),
        ("[::1]", "8000", ("::1", 8000)),
        ("[::]", " 80 ", ("::", 80)),
        (" 0.0.0.0 ", "65535", ("0.0.0.0", 65535)),
        ("fe80::1%eth0", "1", ("fe80::1%eth0", 1)),
        ("", "", ("127.0.0.1", 8000)),
    ],
)
def test_host_and_port_to_listen_on(
    env: Env, monkeypatch: pytest.MonkeyPatch, host: str, port: str, expected: tuple[str, int]
) -> None:
    monkeypatch.setenv("HOST", host)
    monkeypatch.setenv("PORT", port)
    assert site_address.listens_on(env) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("PORT", port) for port in ("abc", "70000", "0", "-1", "80.5", "80 81")),
        *(("HOST", host) for host in ("http://localhost", "127.0.0.1:80", "[::1", "::g", "a/b", "[::1]:80")),
    ],
)  # fmt: skip
def test_a_wrong_host_or_port_is_named(
    env: Env, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=f"^{name}: .*write a"):
        site_address.listens_on(env)


@pytest.mark.parametrize("given", ["/semsearch/", "semsearch", "/semsearch", " semsearch/ "])
def test_a_path_prefix_is_read_with_and_without_slashes(
    env: Env, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("URL_PREFIX", given)
    assert site_address.prefix(env) == "/semsearch"


@pytest.mark.parametrize("given", ["http://x/y", "a//b", "/a/../b", "a?b", "a b", "//", "/"])
def test_a_path_prefix_is_a_path_or_none(env: Env, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("URL_PREFIX", given)
    if given.strip("/"):
        with pytest.raises(ImproperlyConfigured, match="URL_PREFIX"):
            site_address.prefix(env)
    else:
        assert site_address.prefix(env) == ""


def test_sites_that_may_ask_are_named_as_browsers_do(env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", " https://app.example.org/, http://localhost:5173,http://[::1]:80 ,")
    expected = ["https://app.example.org", "http://localhost:5173", "http://[::1]:80"]
    assert site_address.origins(env, "CORS_ORIGINS") == expected
    for wrong in ("app.example.org", "*", "https://a.org/app", "ftp://a.org", "https://*.a.org", "https://"):
        monkeypatch.setenv("CORS_ORIGINS", wrong)
        with pytest.raises(ImproperlyConfigured, match="CORS_ORIGINS has"):
            site_address.origins(env, "CORS_ORIGINS")


def test_a_state_folder_that_is_a_file_is_named(
    env: Env, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    for home in (file, file / "below"):
        monkeypatch.setenv("SEMSEARCH_HOME", str(home))
        with pytest.raises(ImproperlyConfigured, match=f"{file} is a file: name a folder"):
            environment.home(env)


def test_a_key_that_root_makes_belongs_to_whom_the_home_belongs(
    env: Env, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.setattr(os, "chown", lambda _, *owner: given.append(owner))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    key = environment.secret_key(env, tmp_path, debug=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    assert environment.secret_key(env, tmp_path, debug=False) == key
    environment.secret_key(env, tmp_path / "own", debug=False)
    assert given == [(tmp_path.stat().st_uid, tmp_path.stat().st_gid)]


@pytest.mark.parametrize(("name", "value"), [("PORT", "abc"), ("WEB_PROCESSES", "two")])
def test_a_wrong_setting_ends_any_command_in_one_line(tmp_path: Path, name: str, value: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=environment_of(tmp_path, **{name: value}),
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert name in done.stderr
    assert len(done.stderr.splitlines()) == 1
