"""The web server answers what browsers ask, and no client silences it, be it slow, large or one of 400.

The 400 are for `make test-hostile`.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psutil
import pytest
from django.conf import settings

from tests.conftest import image_bytes
from tests.support.prepared import Prepared, copy_of
from tests.support.site import RunningSite, until

pytestmark = pytest.mark.process

MOST_RSS_BYTES = 900 * 10**6
MB = 2**20
EVERY_S = 0.2
FORM = "Content-Type: multipart/form-data; boundary=b"
JSON = "Content-Type: application/json"
Kind = Callable[[socket.socket], None]


@pytest.fixture(scope="module")
def silent_port() -> Iterator[int]:
    """Return a port of a host that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        yield silent.getsockname()[1]


@pytest.fixture(scope="module")
def site(
    template: Prepared, tmp_path_factory: pytest.TempPathFactory, silent_port: int
) -> Iterator[RunningSite]:
    """Return a running site with three images that can be searched."""
    home = tmp_path_factory.mktemp("hostile") / "home"
    copied = copy_of(template, home)
    free = {
        "SEARCH_THROTTLE": "1000000/s",
        "FETCH_ALLOW_HOSTS": f"127.0.0.1:{silent_port}",
        "FETCH_TIMEOUT_S": "6",
    }
    with RunningSite(home, token=copied.token, **free) as running:
        assert running.post("/api/v1/datasets/", slug="few", name="Few")[0] == 201
        for seed in range(3):
            status, added = running.post("/api/v1/images/", (f"{seed}.png", image_bytes(seed)), dataset="few")
            assert status == 201, added
            running.job_ended(added["job"]["id"])
        yield running


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


def one_byte(connection: socket.socket) -> None:
    connection.sendall(b"P")


def half_a_header(connection: socket.socket) -> None:
    connection.sendall(head("POST", "/api/v1/search/")[:-4])


def nothing(connection: socket.socket) -> None:
    pass


def idle_after_an_answer(connection: socket.socket) -> None:
    connection.sendall(head("GET", "/healthz"))
    assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")


def form_that_drips(connection: socket.socket) -> None:
    connection.sendall(head("POST", "/api/v1/search/", "Content-Length: 1000000", FORM) + b"--b\r\n")


def json_that_drips(connection: socket.socket) -> None:
    connection.sendall(head("POST", "/api/v1/search/", "Content-Length: 100000", JSON) + b"{")


def chunks_that_drip(connection: socket.socket) -> None:
    connection.sendall(head("POST", "/api/v1/search/", "Transfer-Encoding: chunked", FORM) + b"1\r\n-\r\n")


def never_reads(connection: socket.socket) -> None:
    connection.sendall(head("GET", "/api/v1/images/grid/?dataset=pictures&limit=500") * 40)


DRIPPED: dict[Kind, bytes] = {form_that_drips: b"x", json_that_drips: b" ", chunks_that_drip: b"1\r\n-\r\n"}
KINDS: list[Kind] = [one_byte, half_a_header, nothing, idle_after_an_answer, *DRIPPED, never_reads]
MANY = pytest.mark.hostile


@pytest.mark.parametrize("count", [16, pytest.param(400, marks=MANY)])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_clients_that_keep_it_waiting_silence_nobody(site: RunningSite, kind: Kind, count: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with ExitStack() as last:
        clients = [last.enter_context(slow_client(site.port)) for _ in range(count)]
        for client in clients:
            kind(client)
        last.enter_context(dripping(clients, DRIPPED.get(kind, b"")))
        # 400 at once ask for more than two cores can answer: whoever comes next may be told so
        well(site, looks=4 if count < 100 else 20, may_be_busy=kind is never_reads and count > 100)
    until(lambda: searched(site)[0] == 200, within_s=60, what="searches are answered again")


@contextmanager
def slow_client(port: int) -> Iterator[socket.socket]:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(30)
        client.connect(("127.0.0.1", port))
        yield client


@contextmanager
def dripping(clients: list[socket.socket], piece: bytes) -> Iterator[None]:
    """Send a little on every connection from time to time."""
    ended = threading.Event()

    def drip() -> None:
        while piece and not ended.wait(EVERY_S):
            for client in clients:
                with suppress(OSError):
                    client.sendall(piece)

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def well(site: RunningSite, *, looks: int, may_be_busy: bool = False) -> None:
    """Look again and again whether the site is alive, is searched, and stays small."""
    for look in range(looks):
        began = time.monotonic()
        assert site.get("/healthz")[0] == 200
        assert time.monotonic() - began < 1, "alive within a second"
        if look % 3 == 0:
            began = time.monotonic()
            status, answer = searched(site)
            if not may_be_busy or status != 503:
                assert (status, len(answer.get("hits", ()))) == (200, 3), answer
            assert time.monotonic() - began < 5
        assert web_process(site).memory_info().rss < MOST_RSS_BYTES, look
        time.sleep(EVERY_S)


def searched(site: RunningSite) -> tuple[int, Any]:
    """Return status and answer of a search."""
    return site.post("/api/v1/search/", ("q.png", image_bytes(1)), dataset="few")


def web_process(site: RunningSite) -> psutil.Process:
    """Return the process that answers requests; the other of the web server only watches it."""
    (worker,) = site.part("web server").children()
    return worker


def test_searches_of_a_silent_host_leave_threads_to_others(site: RunningSite, silent_port: int) -> None:
    answers: list[tuple[int, str]] = []

    def ask() -> None:
        status, answer = site.post("/api/v1/search/", url=f"http://127.0.0.1:{silent_port}/silent.jpg")
        answers.append((status, answer["error"]["code"]))

    asking = [threading.Thread(target=ask) for _ in range(32)]
    for thread in asking:
        thread.start()
    well(site, looks=4)
    for thread in asking:
        thread.join()
    assert sorted(set(answers)) == [(502, "fetch_failed"), (503, "busy")]
    assert answers.count((502, "fetch_failed")) == 4, "a quarter of the threads"


@pytest.mark.parametrize(
    ("path", "kind"), [("/api/v1/search/", FORM), ("/api/v1/images/", JSON), ("/", FORM)]
)
def test_a_body_that_is_too_large_is_refused_unwritten(site: RunningSite, path: str, kind: str) -> None:
    before = written(site)
    response = sent(site, path, {"Content-Length": str(100 * MB), **named(kind)}, count=100)
    assert response.status == 413
    assert (b'"too_large"' in response.read()) is path.startswith("/api/")
    assert written(site) - before < MB


def test_chunks_without_end_are_counted(site: RunningSite) -> None:
    before = written(site)
    assert sent(site, "/api/v1/search/", named(FORM), count=120).status == 413
    assert written(site) - before < (50 + 2 + 1) * MB


def sent(site: RunningSite, path: str, headers: dict[str, str], *, count: int) -> http.client.HTTPResponse:
    """Send megabytes, in chunks where no length is given, and return the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    chunked = "Content-Length" not in headers
    body = (b"x" * MB for _ in range(count))
    connection.request(
        "POST",
        path,
        body,
        headers | ({"Transfer-Encoding": "chunked"} if chunked else {}),
        encode_chunked=chunked,
    )
    return connection.getresponse()


def named(header: str) -> dict[str, str]:
    name, _, value = header.partition(": ")
    return {name: value}


def written(site: RunningSite) -> int:
    """Return how many bytes the web process has written so far, to files and to connections."""
    return int(web_process(site).io_counters().write_chars)


def test_static_files_and_images_are_sent_as_browsers_ask(site: RunningSite) -> None:
    page = asked(site, "GET", "/")
    assert page.status == 200
    (script, *_) = re.findall(r'"(/static/js/[^"]+\.js)"', page.body.decode())
    whole = asked(site, "GET", script)
    assert whole.headers["Cache-Control"] == "max-age=315360000, public, immutable"
    assert whole.body == (settings.STATIC_ROOT / script.removeprefix("/static/")).read_bytes()
    part = asked(site, "GET", script, Range="bytes=10-29")
    assert (part.status, part.body) == (206, whole.body[10:30])
    same = asked(site, "GET", script, **{"If-Modified-Since": str(whole.headers["Last-Modified"])})
    assert (same.status, same.body) == (304, b"")
    head = asked(site, "HEAD", script)
    assert (head.headers["Content-Length"], head.body) == (str(len(whole.body)), b"")
    image = site.get("/api/v1/images/?dataset=few&page_size=1")[1]["results"][0]
    assert hashlib.sha256(asked(site, "GET", urlsplit(image["url"]).path).body).hexdigest() == image["sha256"]


def test_it_stops_in_time_whatever_clients_do(site: RunningSite, silent_port: int) -> None:
    """The last of this file, whose site it stops."""
    with ExitStack() as last:
        search = json.dumps({"url": f"http://127.0.0.1:{silent_port}/silent.jpg"}).encode()
        asks = head("POST", "/api/v1/search/", JSON, f"Content-Length: {len(search)}") + search
        for kind in KINDS:
            kind(last.enter_context(slow_client(site.port)))
        for _ in range(4):
            last.enter_context(slow_client(site.port)).sendall(asks)
        time.sleep(0.5)
        began = time.monotonic()
        assert site.interrupt(within_s=15) == 0
        assert time.monotonic() - began < 9, "five seconds for the web server, then what else there is"


class Got(NamedTuple):
    """An answer that was read."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


def asked(site: RunningSite, method: str, path: str, **headers: str) -> Got:
    """Return what comes to a request."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    return Got(response.status, response.headers, response.read())
