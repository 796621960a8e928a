"""Homes of earlier releases, made by their own code, are opened by what starts on them; others are refused.

`tests/data/homes/` holds them. Each was made by `migrate`, `createsuperuser`, `import_dataset` of twelve
images, `rebuild_index` and, since there were any, experiments and maps.
"""

from __future__ import annotations

import json
import lzma
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from gallery.version import VERSION
from tests.support.site import ROOT, environment, manage, rows

pytestmark = [pytest.mark.process, pytest.mark.embedded]

HOMES = ROOT / "tests" / "data" / "homes"
# where a dataset had an index that can be read, nothing is built anew
EARLIER = {"2026-11-23-first": 1, "2026-11-28-servers": 0, "2026-11-29-accounts": 0}
LOOK = """
import json, sys
from django.core.management import call_command
from django.test import Client
from gallery.models import Job
from search.models import Embedding, IndexBuild
call_command("verify", json=True)
before = Client(headers={"host": "localhost"})
found = before.post("/api/v1/search/", {"image": 1, "k": 5}, content_type="application/json")
print(json.dumps({
    "hits": [(hit["image"], hit["label"], hit["score"]) for hit in found.json()["hits"]],
    "vectors": Embedding.objects.count(),
    "queued": Job.objects.filter(kind="index", state="queued").count(),
    "pages": [before.get(path).status_code for path in ("/", "/datasets/", "/live/", "/datasets/shapes/")],
    "ran": sorted({"openvino", "tensorflow", "keras"} & set(sys.modules)),
}))
"""
# as the first release itself said, of image 1
FIRST_HITS = ["circles"] * 5


def unpacked(name: str, home: Path) -> Path:
    """Return the home of an earlier release, in a folder of its own."""
    shutil.unpack_archive(HOMES / f"{name}.tar.xz", home)
    (home / "static").symlink_to(settings.STATIC_ROOT)
    return home


def start(home: Path, *words: str, **changes: str) -> subprocess.Popen[str]:
    """Start a process on a home."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment(home, **changes),
        stdout=pipe,
        stderr=pipe,
        text=True,
    )


def reports(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


def schema(home: Path) -> set[tuple[str, ...]]:
    """Return tables, indexes and triggers as SQLite has them; columns may come in any order."""
    found = rows(home, "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    return {
        (name, *(sorted(sql.partition(" (")[2][:-1].split(", ")) if kind == "table" else [sql]))
        for kind, name, sql in found
    }


@pytest.mark.usefixtures("collected_static_files")
@pytest.mark.parametrize("name", EARLIER)
def test_a_home_of_an_earlier_release_is_opened_searched_and_verified_without_a_network(
    name: str, tmp_path: Path, started_home: Callable[[Path], Path]
) -> None:
    home = unpacked(name, tmp_path / "home")
    together = [start(home, "manage.py", "shell", "--no-imports", "--verbosity", "0", "-c", LOOK)]
    if name == next(iter(EARLIER)):
        together.append(start(home, "-c", "import semsearch_site.wsgi"))
    ended = [(*process.communicate(timeout=120), process.returncode) for process in together]
    assert [status for *_, status in ended] == [0] * len(ended), ended
    verified, looked = reports(ended[0][0])
    expected = {"images": 12, "embeddings": 12, "indexed": 12, "orphans": 0, "missing": 0, "ok": True}
    assert verified.items() >= expected.items()
    assert [label for _, label, _ in looked["hits"]] == FIRST_HITS
    assert (looked["vectors"], looked["queued"], looked["ran"]) == (12, EARLIER[name], [])
    assert looked["pages"] == [200] * 4
    # whoever was led through all migrations has the tables that a new home gets from one
    assert schema(home) == schema(started_home(tmp_path / "new"))
    # of those that started together one has done it, and said so in a line
    lines = [line for _, errors, _ in ended for line in errors.splitlines() if "is up to date now" in line]
    assert len(lines) == 1
    assert VERSION in lines[0]
    assert [path.suffix for path in (home / "before-upgrade").iterdir()] == [".sqlite3"]


@pytest.mark.usefixtures("collected_static_files")
def test_on_a_fresh_home_any_command_and_the_web_server_may_come_first(tmp_path: Path) -> None:
    program = """
import json
from django.test import Client
from semsearch_site.wsgi import application
asked = Client(headers={"host": "localhost"})
print(json.dumps({path: asked.get(path).status_code for path in ("/", "/datasets/", "/live/", "/jobs/")}))
"""
    home = tmp_path / "web"
    home.mkdir()
    (home / "static").symlink_to(settings.STATIC_ROOT)
    web = start(home, "-c", program)
    command = start(tmp_path / "command", "manage.py", "make_editors", "--json")
    (said, errors), (listed, words) = (process.communicate(timeout=120) for process in (web, command))
    assert set(json.loads(said.splitlines()[-1]).values()) == {200}, errors
    assert json.loads(listed)["group"] == "Editors"
    assert words.splitlines() == [f"Made the database of a new home, {tmp_path / 'command'}."]


def test_a_home_of_tomorrow_and_one_that_is_damaged_are_refused_in_a_sentence(tmp_path: Path) -> None:
    tomorrow, damaged = (unpacked("2026-11-23-first", tmp_path / name) for name in ("tomorrow", "damaged"))
    add = (
        "INSERT INTO django_migrations (app, name, applied) VALUES ('gallery', '0999_tomorrow', '2030-01-01')"
    )
    import sqlite3

    with sqlite3.connect(tomorrow / "semsearch.sqlite3") as database:
        database.execute(add)
    database.close()
    os.truncate(damaged / "semsearch.sqlite3", 40_000)
    started = {
        "0999_tomorrow": start(tomorrow, "manage.py", "verify", "--json"),
        "this is semsearch": start(tomorrow, "-c", "import semsearch_site.wsgi"),
        "is damaged": start(damaged, "manage.py", "serve", "--port", "8765"),
    }
    for words, process in started.items():
        out, errors = process.communicate(timeout=120)
        line = errors.splitlines()[-1]
        assert process.returncode != 0
        assert words in line
        assert "Traceback" not in errors + out
        assert not out


@pytest.mark.usefixtures("collected_static_files")
def test_a_backup_of_an_earlier_release_is_brought_up_to_date_as_it_is_restored(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.write_bytes(lzma.decompress((HOMES / "2026-11-29.backup.xz").read_bytes()))
    restore = (
        f"from django.core.management import call_command\ncall_command('restore', {str(file)!r}, json=True)"
    )
    home = tmp_path / "home"
    home.mkdir()
    (home / "static").symlink_to(settings.STATIC_ROOT)
    # a start made its database before
    restored, verified, looked = reports(
        manage(home, "shell", "--no-imports", "--verbosity", "0", "-c", f"{restore}\n{LOOK}")
    )
    assert restored.items() >= {"images": 12, "embeddings": 12}.items()
    assert verified["ok"]
    assert [label for _, label, _ in looked["hits"]] == FIRST_HITS
    assert (looked["queued"], looked["ran"]) == (1, [])
