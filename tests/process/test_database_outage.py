"""PostgreSQL stopped or frozen under a load: everybody is told so soon, and all goes on when it is back."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

import pytest
from django.conf import settings

from benchmarks.fleet.fleet import prepared
from benchmarks.fleet.servers import Servers
from tests.conftest import image_bytes
from tests.support import services
from tests.support.site import ROOT, RunningSite, until

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(services.embedded(), reason="is about servers: see make test-servers"),
]

CLIENTS = 50
AWAY_S = 6.0
ANSWERS_WITHIN_S = 5.0
BACK_WITHIN_S = 30.0


class Got(NamedTuple):
    """An answer, and how long it took."""

    status: int
    retry_after: str | None
    body: bytes
    seconds: float


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Return servers that nobody else uses."""
    own = Servers()
    own.start()
    yield own
    own.stop()


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, servers: Servers, converted_network: None
) -> Iterator[RunningSite]:
    """Return a site whose PostgreSQL can be stopped, with a few images that can be searched."""
    home = tmp_path_factory.mktemp("outage") / "home"
    token = prepared(home, servers, settings.CACHE_ROOT, ROOT / "sample_data/objects200")
    given = {"SEARCH_THROTTLE": "1000000/s", "EXTRACT_BATCH": "4", **servers.environment(home)}
    with RunningSite(home, token=token, **given) as running:
        assert running.post("/api/v1/datasets/", slug="few", name="Few")[0] == 201
        for seed in range(3):
            assert (
                running.post("/api/v1/images/", (f"{seed}.png", image_bytes(seed)), dataset="few")[0] == 201
            )
        yield running


def asked(site: RunningSite, method: str, path: str, body: bytes = b"") -> Got:
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    kind = {"Content-Type": "multipart/form-data; boundary=b"} if body else {}
    connection.request(method, path, body or None, kind)
    answer = connection.getresponse()
    found = Got(answer.status, answer.headers["Retry-After"], answer.read(), 0.0)
    connection.close()
    return found._replace(seconds=time.monotonic() - began)


def search_form() -> bytes:
    head = '--b\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    file = head.format("file", '; filename="q.png"').encode() + image_bytes(1)
    return file + b"\r\n" + head.format("dataset", "").encode() + b"few\r\n--b--\r\n"


@pytest.mark.parametrize("frozen", [False, True], ids=["stopped", "frozen"])
def test_searches_are_told_soon_that_the_database_is_away(
    site: RunningSite, servers: Servers, frozen: bool
) -> None:
    status, added = site.post("/api/v1/images/", ("n.png", image_bytes(90 + frozen)), dataset="pictures")
    assert status == 201, added
    said_before = len(site.log())
    back = threading.Event()
    form = search_form()

    def search() -> list[Got]:
        found = []
        while not back.is_set():
            found.append(asked(site, "POST", "/api/v1/search/", form))
            time.sleep(1.0)
        return found

    with ThreadPoolExecutor(CLIENTS + 2) as clients:
        searches = [clients.submit(search) for _ in range(CLIENTS)]
        time.sleep(1.0)
        servers.freeze_postgres() if frozen else servers.stop_postgres()
        alive, pages = [], []
        ended = time.monotonic() + AWAY_S
        while time.monotonic() < ended:
            alive.append(asked(site, "GET", "/healthz"))
            pages.append(clients.submit(asked, site, "GET", "/datasets/"))
            time.sleep(0.5)
        servers.freeze_postgres(thaw=True) if frozen else servers.start_postgres()
        came_back = time.monotonic()
        until(
            lambda: asked(site, "POST", "/api/v1/search/", form).status == 200,
            within_s=BACK_WITHIN_S,
            what="a search is answered",
        )
        back.set()
        answers = [got for one in searches for got in one.result()] + [one.result() for one in pages]

    assert {got.status for got in alive} == {200}
    assert max(got.seconds for got in alive) < 1.0
    assert {got.status for got in answers} == {200, 503}
    assert max(got.seconds for got in answers) < ANSWERS_WITHIN_S
    refused = [got for got in answers if got.status == 503]
    assert all(got.retry_after for got in refused)
    told = {json.loads(got.body)["error"]["code"] for got in refused if got.body.startswith(b"{")}
    assert "database_away" in told <= {"database_away", "busy"}
    assert any(b"The database does not answer." in page.result().body for page in pages)

    ended_job = until(lambda: job_ended(site, added["job"]["id"]), within_s=90, what="the job ended")
    assert ended_job["state"] == "succeeded", ended_job
    said = site.log()[said_before:]
    assert "Traceback" not in said
    assert 1 <= len(re.findall("The database does not answer; ", said)) <= 2, (
        "web server and worker, once each"
    )
    assert len(re.findall("The database answers again", said)) == len(
        re.findall("The database does not answer; ", said)
    )
    assert time.monotonic() - came_back < 120


def job_ended(site: RunningSite, job: int) -> dict[str, object] | None:
    with suppress(OSError):
        status, found = site.get(f"/api/v1/jobs/{job}/")
        if status == 200 and not found["active"]:
            return dict(found)
    return None


def test_nothing_was_lost(site: RunningSite, servers: Servers) -> None:
    failed = servers.rows(site.home, "SELECT count(*) FROM gallery_job WHERE state = 'failed'", ())
    assert failed == [(0,)]
    wanting = "SELECT count(*) FROM gallery_image WHERE id NOT IN (SELECT image_id FROM search_embedding)"
    assert servers.rows(site.home, wanting, ()) == [(0,)]
