"""A picture added over HTTP is found at once, and a deleted one never again."""

from __future__ import annotations

import time

import pytest

from tests.conftest import image_bytes
from tests.support.prepared import DATASET, Prepared
from tests.support.site import RunningSite, report

pytestmark = pytest.mark.process

SEARCH = "/api/v1/search/"


def test_a_new_image_is_found_at_once_and_a_deleted_one_never_again(prepared: Prepared) -> None:
    home = prepared.home
    report(home, "extract_features")
    report(home, "rebuild_index")
    with RunningSite(home, token=prepared.token) as site:
        generations = [index["generation"] for index in site.get("/api/v1/indexes/")[1]["results"]]
        # a snapshot without the picture is in the server's memory now
        assert site.post(SEARCH, ("q.png", image_bytes(5)), dataset=DATASET)[0] == 200

        status, added = site.post(
            "/api/v1/images/", ("new.png", image_bytes(5)), dataset=DATASET, label="noise"
        )
        assert status == 201, added
        assert site.job_ended(added["job"]["id"])["state"] == "succeeded"
        ended = time.monotonic()
        found = site.post(SEARCH, ("q.png", image_bytes(5)), dataset=DATASET, k=3)[1]
        assert time.monotonic() - ended < 2.0
        image = added["image"]["id"]
        assert found["hits"][0]["image"] == image
        assert [index["generation"] for index in site.get("/api/v1/indexes/")[1]["results"]] == generations
        stored = {path.name for path in (home / "media").rglob(f"{added['image']['sha256']}*")}
        assert len(stored) == 2, stored
        address = added["image"]["url"].removeprefix(f"http://127.0.0.1:{site.port}")
        assert site.get(address)[0] == 200

        assert site.delete(f"/api/v1/images/{image}/") == 204
        for fields in ({"dataset": DATASET}, {}, {"dataset": DATASET, "k": 200}):
            after = site.post(SEARCH, ("q.png", image_bytes(5)), **{"k": 20, **fields})[1]
            assert image not in [hit["image"] for hit in after["hits"]]
            assert len(after["hits"]) == after["k"]
        assert site.get(f"/api/v1/images/{image}/")[0] == 404
        assert site.delete(f"/api/v1/bin/images/{image}/") == 204
        assert site.get(address)[0] == 404
        assert not list((home / "media").rglob(f"{added['image']['sha256']}*"))
    assert report(home, "verify")["ok"]
