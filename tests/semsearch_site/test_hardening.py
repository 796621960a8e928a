"""Headers of every answer, https, secret keys, and who may open the state folder."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from gallery.models import Dataset
from gallery.system.home.home_folder import close_to_others
from semsearch_site.env import is_weak
from tests.conftest import image_bytes
from tests.support.site import ROOT

STRONG = "q8Zr2-Lx0vT7mWc5Yb1NdKfH4sPjGa9uEo3iRzXt"


def run(home: Path, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a program with the settings in an environment of its own."""
    environment = {"PATH": os.environ["PATH"], "SEMSEARCH_HOME": str(home), **changes}
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.mark.django_db
def test_every_answer_has_every_header(client: Client, dataset: Dataset) -> None:
    name = default_storage.save("images/1/a.png", ContentFile(image_bytes(1)))
    script = next(iter((settings.STATIC_ROOT / "js" / "shared").glob("theme.*.js"))).relative_to(
        settings.STATIC_ROOT
    )
    addresses = {
        "/live/": 200, f"/static/{script}": 200, default_storage.url(name): 200, "/api/v1/datasets/": 200,
        "/api/v1/nothing/": 404, "/nothing/": 404, "/healthz": 200, "/accounts/sign-in/": 200,
        "/api/docs/": 200,
    }  # fmt: skip
    for address, status in addresses.items():
        answer = client.get(address)
        assert answer.status_code == status, address
        assert answer["X-Content-Type-Options"] == "nosniff", address
        assert answer["X-Frame-Options"] == "DENY", address
        assert "default-src 'none'" in answer["Content-Security-Policy"], address
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin", address
        assert answer["Referrer-Policy"] == "same-origin", address
        assert "camera=()" in answer["Permissions-Policy"], address
        b"".join(answer)  # which closes the file


@pytest.mark.django_db
def test_with_https_everything_but_the_probes_is_sent_there(client: Client, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 31_536_000
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    fresh = Client()
    assert fresh.get("/live/?a=b")["Location"] == "https://testserver/live/?a=b"
    assert fresh.get("/api/v1/datasets/").status_code == 301
    for probe in ("/healthz", "/metrics"):
        assert fresh.get(probe).status_code == 200
        below_a_path = fresh.get(probe, headers={"host": "10.0.0.7"}, SCRIPT_NAME="/semsearch")
        assert below_a_path.status_code == 200
    answer = fresh.get("/api/v1/datasets/", HTTP_X_FORWARDED_PROTO="https")
    assert (answer.status_code, answer["Strict-Transport-Security"]) == (200, "max-age=31536000")


def test_check_deploy_has_nothing_to_say_with_https(tmp_path: Path) -> None:
    done = run(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING", HTTPS="true")
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout + done.stderr


def test_keys_that_can_be_guessed_are_weak() -> None:
    placeholders = ["change-me-to-a-long-random-text", "replace this: changeme changeme changeme 123"]
    weak = [
        "a",
        "x" * 100,
        "abab" * 20,
        "1234567" * 9,
        "django-insecure-" + STRONG,
        "short-Key-91!",
        *placeholders,
    ]
    assert [key for key in weak if not is_weak(key)] == []
    assert not is_weak(STRONG)
    assert not is_weak("5f1d0c9a7b3e8642af90d1c3e5b72864")
    assert not is_weak(settings.SECRET_KEY)


@pytest.mark.parametrize(
    "words",
    [
        ("manage.py", "check"),
        ("manage.py", "serve", "--port", "1"),
        ("-c", "import semsearch_site.wsgi"),
        ("-m", "celery", "-A", "semsearch_site", "report"),
    ],
    ids=["check", "serve", "web server", "worker"],
)
def test_nothing_starts_with_a_key_that_can_be_guessed(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run(tmp_path, *words, SECRET_KEY="a")
    assert done.returncode != 0
    assert "SECRET_KEY can be guessed" in done.stderr + done.stdout
    if words[0] == "manage.py":
        assert "Traceback" not in done.stderr


def test_with_debug_any_key_will_do(tmp_path: Path, started_home: Callable[[Path], Path]) -> None:
    home = started_home(tmp_path / "home")
    assert run(home, "-c", "import semsearch_site.wsgi", SECRET_KEY="a", DEBUG="true").returncode == 0


def modes(home: Path) -> dict[str, str]:
    """Return the mode of everything in a folder."""
    paths = [home, *home.rglob("*")]
    return {str(path.relative_to(home)): f"{stat.S_IMODE(path.stat().st_mode):o}" for path in paths}


MAKE_FILES = (
    "import django; django.setup()\n"
    "from django.core.files.base import ContentFile\n"
    "from django.core.files.storage import default_storage\n"
    "from django.core.management import call_command\n"
    "call_command('migrate', 'contenttypes', verbosity=0)\n"
    "default_storage.save('images/1/a.png', ContentFile(b'a'))\n"
)


@pytest.mark.parametrize(("mode", "folder", "file"), [("", "700", "600"), ("0750", "750", "640")])
def test_what_is_made_in_the_state_folder_is_for_its_owner(
    tmp_path: Path, mode: str, folder: str, file: str
) -> None:
    home = tmp_path / "home"
    given = {"HOME_MODE": mode} if mode else {}
    done = run(home, "-c", MAKE_FILES, DJANGO_SETTINGS_MODULE="semsearch_site.settings", **given)
    assert done.returncode == 0, done.stderr
    found = modes(home)
    assert found.pop("secret_key") == "600"
    assert {found[name] for name in (".", "media", "media/images/1")} == {folder}
    assert {found[name] for name in ("semsearch.sqlite3", "media/images/1/a.png")} == {file}


def test_an_open_state_folder_of_before_is_closed_and_that_is_said(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "media" / "deep").mkdir(parents=True)
    for path in (home, home / "media", home / "media" / "deep"):
        path.chmod(0o755)
    (home / "semsearch.sqlite3").touch()
    (home / "semsearch.sqlite3").chmod(0o644)
    (home / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").touch()
    (tmp_path / "elsewhere").chmod(0o644)
    said: list[str] = []
    close_to_others(home, 0o700, said.append)
    assert said == [f"Closed {home} and what lies in it to others (HOME_MODE=0700; it was 0755)."]
    assert modes(home) | {"linked": ""} == {
        ".": "700", "media": "700", "media/deep": "755", "semsearch.sqlite3": "600", "linked": "",
    }  # fmt: skip
    assert stat.S_IMODE((tmp_path / "elsewhere").stat().st_mode) == 0o644
    close_to_others(home, 0o700, said.append)
    close_to_others(tmp_path / "none", 0o700, said.append)
    assert len(said) == 1


@pytest.mark.parametrize("mode", ["7", "abc", "0640", "1777"])
def test_a_mode_that_keeps_the_owner_out_is_refused(tmp_path: Path, mode: str) -> None:
    done = run(tmp_path, "manage.py", "check", HOME_MODE=mode)
    assert done.returncode == 1
    assert "write 0700" in done.stderr
