"""A running site whose index is damaged, whose database is of another version, or whose network is gone."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.conftest import image_bytes
from tests.support import services
from tests.support.damage import DAMAGES
from tests.support.prepared import DATASET, Prepared
from tests.support.site import RunningSite, manage, rows, until

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not services.embedded(), reason="changes the database's file beside the site"),
]

# no network has to be run for it: vectors by chance will do
INDEXED = f"""
from gallery.models import Dataset
from search.features import feature_specs
from search.indexing import builds
from tests.support.damage import add_vectors
index = feature_specs.live_index(Dataset.objects.get(slug="{DATASET}"))
add_vectors(index, 40)
builds.rebuild(index)
"""
AT_WORK = "SELECT count(*) FROM gallery_job WHERE state IN ('queued', 'running')"
OFTEN = {"CHECK_INDEXES_EVERY_S": "0.5", "EXTRACT_AT_IMPORT": "false", "LOG_LEVEL": "WARNING"}


def generation(home: Path) -> Path:
    """Return the folder of the generation that serves."""
    (current,) = (home / "indexes").glob("*/CURRENT")
    return current.parent / current.read_text().strip()


def changed(home: Path, sql: str, *values: str) -> None:
    """Change the site's database beside its processes."""
    connection = sqlite3.connect(home / "semsearch.sqlite3", timeout=10)
    with connection:
        connection.execute(sql, values)
    connection.close()


def state_of(site: RunningSite, name: str) -> str:
    """Return the state of a part; the whole is ready when that is."""
    status, answer = site.get("/readyz")
    state: str = answer["parts"][name]["state"]
    assert (status == 200) == answer["ready"]
    return state if status == 200 or state != "ready" else "other"


def searched(site: RunningSite, image: int) -> None:
    """Search with a stored image: one answer, and in time."""
    status, answer = site.post("/api/v1/search/", image=image, dataset=DATASET)
    assert status == 200, answer
    assert len(answer["hits"]) == 20


def test_damage_is_found_and_mended_while_the_site_serves(prepared: Prepared) -> None:
    home = prepared.home
    manage(home, "shell", "--verbosity", "0", "-c", INDEXED)
    image = int(rows(home, "SELECT max(image_id) FROM search_embedding")[0][0])
    with RunningSite(home, token=prepared.token, **OFTEN) as site:
        searched(site, image)
        web = {process.pid for process in site.part("web server").children(recursive=True)}
        for name in DAMAGES:
            before = generation(home)
            DAMAGES[name](before, "vectors.f16")

            def mended(before: Path = before) -> bool:
                searched(site, image)
                found = list((home / "indexes").glob("*/CURRENT"))
                whole = bool(found) and generation(home) != before and state_of(site, "index") == "ready"
                # a job that still looks at what it has published would fail of the next damage
                return whole and rows(home, AT_WORK) == [(0,)]

            until(mended, within_s=30, what=f"{name}: built anew", every_s=0.15)
        assert rows(home, "SELECT count(*) FROM gallery_job WHERE state = 'failed'") == [(0,)]
        assert rows(home, "SELECT count(*) FROM search_indexbuild WHERE state = 'published'")[0][0] >= len(
            DAMAGES
        )
        assert site.log().count("is damaged and is built anew by job") == len(DAMAGES)
        # no process died of a file that was cut short under it
        assert web <= {process.pid for process in site.part("web server").children(recursive=True)}

        changed(
            home,
            "INSERT INTO django_migrations (app, name, applied) VALUES ('gallery', '9999_x', '2030-01-01')",
        )
        until(lambda: state_of(site, "schema") == "not ready", within_s=30, what="a newer database is said")
        changed(home, "DELETE FROM django_migrations WHERE name = '9999_x'")
        until(lambda: state_of(site, "schema") == "ready", within_s=30, what="and its end")

        # as after a start without the EXTRA_NETWORKS that it was from
        changed(home, "UPDATE search_featurespec SET model = 'mine', fingerprint = 'mine'")
        until(lambda: state_of(site, "model") == "not ready", within_s=30, what="the network is gone")
        status, answer = site.post("/api/v1/search/", ("q.png", image_bytes(3)), dataset=DATASET)
        assert (status, answer["error"]["code"]) == (503, "network_gone"), answer
        assert "EXTRA_NETWORKS" in answer["error"]["detail"]
        searched(site, image)
        assert "Traceback" not in site.log(), site.log()
