"""Two web processes have one count of what a visitor does."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.prepared import DATASET, Prepared
from tests.support.site import RunningSite, until

pytestmark = pytest.mark.process

LIMIT = 120


def search(site: RunningSite, **headers: str) -> int:
    """Return the status of a search that finds nothing to search in."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{site.port}/api/v1/search/",
        data=json.dumps({"image": 1, "dataset": DATASET}).encode(),
        headers={"Content-Type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_of_200_searches_at_once_by_two_processes_exactly_as_many_pass_as_may(prepared: Prepared) -> None:
    changes = {
        "WEB_PROCESSES": "2",
        "SEARCH_THROTTLE": f"{LIMIT}/min",
        # the suite's own count of this machine stays out of it
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    with RunningSite(prepared.home, ready="/healthz", **changes) as site:
        web = site.part("web server")
        until(lambda: len(web.children()) >= 2, within_s=30, what="two processes serve")
        with ThreadPoolExecutor(24) as pool:
            statuses = list(pool.map(lambda _: search(site, **{"X-Forwarded-For": "192.0.2.7"}), range(200)))
            # what stands before the last address is the visitor's own invention
            forged = list(
                pool.map(lambda n: search(site, **{"X-Forwarded-For": f"10.0.0.{n}, 192.0.2.7"}), range(20))
            )
        assert statuses.count(429) == 200 - LIMIT, statuses
        assert set(forged) == {429}
        assert search(site, **{"X-Forwarded-For": "192.0.2.8"}) != 429
