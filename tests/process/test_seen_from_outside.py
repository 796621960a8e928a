"""A site of two web processes: what they count and measure together, and a log from a request to its job."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import image_bytes
from tests.semsearch_site.test_metrics import alerts_name
from tests.support import services
from tests.support.prepared import DATASET, Prepared, copy_of
from tests.support.site import RunningSite, until

pytestmark = pytest.mark.process

GIVEN = "one-import-of-a-test"
LIMIT = 120


@pytest.fixture(scope="module")
def site(template: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    """Return a site of two web processes that says in JSON all that happens."""
    copied = copy_of(template, tmp_path_factory.mktemp("seen") / "home")
    settings = {
        "WEB_PROCESSES": "2",
        "SEARCH_THROTTLE": f"{LIMIT}/min",
        # the suite's own count of this machine stays out of it
        "TRUSTED_PROXIES": "127.0.0.1",
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "INFO",
        "ACCESS_LOG": "true",
        "EXTRACT_AT_IMPORT": "false",
    }
    with RunningSite(copied.home, token=copied.token, ready="/healthz", **settings) as running:
        yield running


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


def test_of_200_searches_at_once_by_two_processes_exactly_as_many_pass_as_may(site: RunningSite) -> None:
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


def told(site: RunningSite) -> dict[str, dict[str, float]]:
    """Return every number of `/metrics` by its name, then by its labels, in the order of their names."""
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(str(site.get("/metrics")[1])):
        found.setdefault(family.name + ("_total" if family.type == "counter" else ""), {})
        for sample in family.samples:
            found.setdefault(sample.name, {})[
                " ".join(value for _, value in sorted(sample.labels.items()))
            ] = sample.value
    return found


def test_a_request_is_followed_to_its_job_by_log_and_metrics(site: RunningSite) -> None:
    """The last of this file, whose site it stops."""
    assert site.post("/api/v1/datasets/", slug="new", name="New")[0] == 201
    site.request_id = GIVEN
    status, answer = site.post("/api/v1/images/", ("new.png", image_bytes(1)), dataset="new")
    assert status == 201, answer
    site.request_id = ""
    ended = site.job_ended(int(answer["job"]["id"]))
    assert ended["state"] == "succeeded", ended
    assert site.post("/api/v1/search/", ("new.png", image_bytes(1)), dataset="new")[0] == 200
    numbers = until(
        lambda: found if (found := told(site)).get("semsearch_disk_bytes") else None,
        within_s=30, what="the disk is measured", every_s=0.5,
    )  # fmt: skip
    site.interrupt()
    log = site.log()
    sees_all_processes(numbers)
    follows_the_request(log, ended)


def sees_all_processes(numbers: dict[str, dict[str, float]]) -> None:
    """Check what `/metrics` of the web server tells of the others too."""
    assert alerts_name() <= set(numbers)
    assert numbers["semsearch_searches_total"]["file answered api"] == 1
    assert numbers["semsearch_search_stage_seconds_count"]["extract"] == 1
    assert numbers["semsearch_jobs_ended_total"]["extract succeeded"] == 1, "a worker did it"
    assert numbers["semsearch_job_stage_seconds_count"]["engine"] > 0
    assert numbers["semsearch_http_requests_total"]["POST image-list 2xx"] == 1
    assert numbers["semsearch_http_requests_total"]["GET healthz 2xx"] > 0
    wanted = {"web", "worker", "supervisor"} | ({"broker"} if services.embedded() else set())
    assert wanted <= set(numbers["semsearch_processes"])
    memory = numbers["semsearch_process_resident_memory_bytes"]
    assert all(memory[process] > 2**20 for process in wanted), memory
    assert numbers["semsearch_disk_bytes"]["images"] > 0


def follows_the_request(log: str, job: dict[str, Any]) -> None:
    """Check that every line is JSON, and which of them belong to the request."""
    lines = [json.loads(line) for line in log.splitlines()]
    ours = [line for line in lines if line.get("request") == GIVEN]
    (asked,) = [line for line in ours if line.get("route") == "image-list"]
    assert (asked["method"], asked["status"]) == ("POST", 201)
    assert asked["duration_ms"] > 0
    done = [line["message"] for line in ours if line.get("job") == job["id"]]
    assert done[0] == f"Job {job['id']} (extract) begins."
    assert done[-1].startswith(f"Job {job['id']} (extract) succeeded after ")
    assert len(done) <= 5, done
    routine = [line for line in lines if line["logger"].startswith("celery") and line["level"] == "INFO"]
    assert routine == []
    assert not [line for line in lines if "exception" in line]
