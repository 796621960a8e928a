"""Eight clients do everything at once to a real site: nothing fails, nothing grows, everything agrees."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from benchmarks.fleet.servers import Servers
from tests.support.load import UNTHROTTLED, Load
from tests.support.prepared import Prepared
from tests.support.site import RunningSite, manage, report

pytestmark = pytest.mark.process

MINUTES = float(os.environ.get("LOAD_MINUTES", "30"))
GROWTH = 0.05
WARM_AFTER_MINUTES = 5  # until then a process fills its caches


QUERIES = 200
# what must be the same wherever a backup is restored: what is found and how near it is, and who may come in
SAME = f"""
import json
from django.contrib.auth.models import User
from django.test import Client
from gallery.models import AccessToken, Category, Image
client = Client()
hits = []
for image in Image.objects.order_by("pk")[:{QUERIES}]:
    answer = client.post("/api/v1/search/", {{"image": image.pk, "k": 10}}).json()
    hits.append([(hit["image"], round(hit["score"], 5)) for hit in answer["hits"]])
print(json.dumps({{
    "hits": hits,
    "users": list(User.objects.order_by("pk").values_list("username", "password", "is_staff")),
    "tokens": list(AccessToken.objects.order_by("pk").values_list("name", "digest")),
    "labels": list(Category.objects.order_by("pk").values_list("dataset__slug", "name", "images")),
}}))
"""


def loaded(prepared: Prepared, seconds: float, meanwhile: Callable[[], object] = lambda: None) -> Load:
    """Return a load that was applied to a site, whose jobs have ended since."""
    with RunningSite(prepared.home, token=prepared.token, **UNTHROTTLED) as site:
        load = Load(site, seconds, meanwhile=meanwhile)
        load.run()
        load.settle(within_s=max(120.0, seconds))
        assert load.failures() == [], site.log()[-4000:]
        assert "Traceback" not in site.log()
    return load


def test_a_short_load_of_everything_at_once_fails_nothing_and_leaves_all_in_agreement(
    prepared: Prepared,
) -> None:
    load = loaded(prepared, 8.0)
    assert {what for what, _ in load.answers} > {"search", "add", "delete_image", "undelete", "relabel"}, (
        load.answers
    )
    assert report(prepared.home, "verify")["ok"]


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Return a PostgreSQL that nobody else uses."""
    own = Servers()
    own.start()
    yield own
    own.stop()


def restored(backup: Path, home: Path, **database: str) -> dict[str, Any]:
    """Restore a backup into a new home, verify it, and return what must be the same in every copy."""
    home.mkdir()
    (home / "cache").symlink_to(settings.CACHE_ROOT)
    changes = {**UNTHROTTLED, **database}
    manage(home, "restore", str(backup), **changes)
    assert json.loads(manage(home, "verify", "--json", **changes))["ok"]
    said = manage(home, "shell", "--verbosity", "0", "--no-imports", "-c", SAME, **changes)
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


@pytest.mark.hostile
@pytest.mark.slow
def test_a_long_load_lets_no_process_grow_and_a_backup_written_meanwhile_is_whole_on_either_database(
    prepared: Prepared, tmp_path: Path, servers: Servers
) -> None:
    backup = tmp_path / "backup"
    load = loaded(prepared, 60 * MINUTES, lambda: manage(prepared.home, "backup", str(backup)))
    if MINUTES / 3 >= WARM_AFTER_MINUTES:
        assert {name: share for name, share in load.growth().items() if share > GROWTH} == {}
    assert report(prepared.home, "verify")["ok"]

    assert report(prepared.home, "backup", "--verify", str(backup)) == {"ok": True, "damaged": []}
    on_sqlite = restored(backup, tmp_path / "sqlite", DATABASE_URL="")
    on_servers = tmp_path / "servers"
    on_postgresql = restored(backup, on_servers, **servers.environment(on_servers))
    assert on_sqlite == on_postgresql
    assert len([hits for hits in on_sqlite["hits"] if hits]) > QUERIES / 2
    assert on_sqlite["users"]
    assert on_sqlite["tokens"]
