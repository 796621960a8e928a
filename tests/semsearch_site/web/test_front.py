"""The front reads whole requests and refuses what is too large, too slow or too much; no thread waits."""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from gallery.system.measuring.prometheus_metrics import Measures
from semsearch_site.web import senders
from semsearch_site.web.bodies import Body, Budget
from semsearch_site.web.requests import ROUTE
from semsearch_site.web.wsgi_answers import FileWrapper
from tests.semsearch_site.web.conftest import KB, Serve, Served, everything, in_chunks, post, request
from tests.support.site import until

MB = 2**20
Environ = dict[str, Any]
CLOSE = b"connection: close\r\n\r\n"


def echo(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Tell what of a request came through."""
    body = environ["wsgi.input"].read()
    told = {key: value for key, value in environ.items() if isinstance(value, str)}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(told | {"body": len(body)}).encode()]


def told(answer: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


class Counting(Budget):
    """Counts all that was ever taken."""

    taken = 0

    def take(self, size: int) -> bool:
        self.taken += size
        return super().take(size)


def alive(served: Served) -> bool:
    began = time.monotonic()
    answer = served.ask(request("GET", "/healthz", "Connection: close"))
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2]) == {"status": "alive"}
    return time.monotonic() - began < 5


def stopped(served: Served, connection: socket.socket) -> float:
    """Return after how many seconds the server ended a connection."""
    began = time.monotonic()
    with suppress(ConnectionResetError):
        everything(connection)
    return time.monotonic() - began


def test_a_request_reaches_the_application_as_wsgi_says(serve: Serve) -> None:
    answer = told(
        serve(echo).ask(request("GET", "/a%20b/%FF?q=%C3%A4&r=1", "X-A: 1", "X-A: 2", "Connection: close"))
    )
    assert answer["PATH_INFO"] == "/a b/\xff"
    assert answer["QUERY_STRING"] == "q=%C3%A4&r=1"
    assert answer["HTTP_X_A"] == "1,2"
    assert (answer["HTTP_HOST"], answer["REMOTE_ADDR"]) == ("here", "127.0.0.1")
    assert "CONTENT_LENGTH" not in answer


def test_a_header_with_an_underscore_cannot_pass_for_one_with_a_hyphen(serve: Serve) -> None:
    forged = ("X_Forwarded_For: 6.6.6.6", "SCRIPT_NAME: /x", "REMOTE_ADDR: 6.6.6.6", "Connection: close")
    answer = told(serve(echo).ask(request("GET", "/", *forged)))
    assert "6.6.6.6" not in answer.values()
    assert answer["SCRIPT_NAME"] == ""


def test_the_server_itself_believes_no_proxy(serve: Serve) -> None:
    forged = ("X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "Connection: close")
    answer = told(serve(echo).ask(request("GET", "/", *forged)))
    assert answer["REMOTE_ADDR"] == "127.0.0.1"


def test_a_body_in_chunks_arrives_with_its_length_and_trailers_are_no_headers(serve: Serve) -> None:
    body = in_chunks(b"ab", b"c" * 300) + b"0\r\nX-Late: 1\r\nAuthorization: Token x\r\n\r\n"
    lines = ("Transfer-Encoding: chunked", "Connection: close")
    answer = told(serve(echo).ask(request("POST", "/", *lines, body=body)))
    assert (answer["body"], answer["CONTENT_LENGTH"]) == (302, "302")
    assert not {"HTTP_X_LATE", "HTTP_AUTHORIZATION", "HTTP_TRANSFER_ENCODING"} & set(answer)


def test_a_client_that_asks_first_is_told_to_go_on_only_where_its_body_is_wanted(serve: Serve) -> None:
    served = serve(echo)
    expects = ("Content-Type: application/json", "Expect: 100-continue")
    with served.connect() as connection:
        connection.sendall(request("POST", "/api/v1/x/", "Content-Length: 4", *expects, "Connection: close"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"body")
        assert told(everything(connection))["body"] == 4
    with served.connect() as connection:
        connection.sendall(request("POST", "/api/v1/x/", f"Content-Length: {65 * KB}", *expects))
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("path", "kind", "most_kb"),
    [
        ("/api/v1/search/", "application/json", 64),
        ("/api/v1/search/", "multipart/form-data; boundary=b", 64 + 512),
        ("/api/v1/images/", "Multipart/Form-Data; boundary=b", 64 + 512),
        ("/api/v1/datasets/", "multipart/form-data; boundary=b", 64),
        ("/api/v1/datasets/x/upload/", "application/json", 64),
        ("/admin/login/", "application/x-www-form-urlencoded", 64),
        ("/nowhere", "multipart/form-data; boundary=b", 64),
    ],
)
def test_what_is_larger_than_its_address_takes_is_refused_before_anything_is_kept(
    serve: Serve, path: str, kind: str, most_kb: int
) -> None:
    served = serve(echo, memory_bytes=0)  # whatever is kept goes to the disk
    assert told(served.ask(post(path, most_kb * KB, kind)))["body"] == most_kb * KB
    served.front._bodies.disk = disk = Counting(0)
    answer = served.ask(post(path, most_kb * KB + 1, kind))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert not disk.taken
    if path.startswith("/api/"):
        assert told(answer)["error"]["code"] == "too_large"


@pytest.mark.parametrize("sizes", [(1,), (300 * KB,), (3 * MB, 10), (2 * MB, 2 * MB, 1), (1,) * 500])
def test_a_body_comes_out_as_it_went_in_wherever_it_was_kept(serve: Serve, sizes: tuple[int, ...]) -> None:
    def digest(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [hashlib.sha256(environ["wsgi.input"].read()).hexdigest().encode()]

    parts = [random.Random(number).randbytes(size) for number, size in enumerate(sizes)]
    kind = "Content-Type: multipart/form-data; boundary=b"
    lines = (kind, "Transfer-Encoding: chunked", "Connection: close")
    served = serve(digest, image_bytes=10 * MB, memory_bytes=3 * MB)
    answer = served.ask(request("POST", "/api/v1/images/", *lines, body=in_chunks(*parts) + b"0\r\n\r\n"))
    assert answer.endswith(hashlib.sha256(b"".join(parts)).hexdigest().encode())


def test_a_large_body_is_swallowed_so_that_its_client_reads_the_refusal(serve: Serve) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", serve(echo).port, timeout=20)
    connection.request("POST", "/api/v1/search/", b"x" * (40 * 2**20), {"Content-Type": "image/jpeg"})
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["error"]["code"]) == (413, "too_large")


def test_chunks_without_end_are_counted_and_refused(serve: Serve) -> None:
    served = serve(echo)
    kind = "multipart/form-data; boundary=b"
    head = request("POST", "/api/v1/search/", "Transfer-Encoding: chunked", f"Content-Type: {kind}")
    served.front._bodies.disk = disk = Counting(100 * MB)
    with served.connect() as connection:
        connection.sendall(head)
        answer = threading.Thread(target=endless, args=(connection,), daemon=True)
        answer.start()
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
    assert disk.taken <= (64 + 512) * KB
    assert alive(served)


def endless(connection: socket.socket) -> None:
    drip(connection, in_chunks(b"x" * 10_000), every_s=0, times=10**9)


def drip(connection: socket.socket, piece: bytes, *, every_s: float = 0.02, times: int = 100) -> bool:
    """Send the same again and again; returns whether the server let all of it come."""
    with suppress(OSError):
        for _ in range(times):
            connection.sendall(piece)
            time.sleep(every_s)
        return True
    return False


def test_bodies_of_all_connections_share_what_there_is_of_disk(serve: Serve) -> None:
    served = serve(echo, disk_bytes=300 * KB)
    kind = "multipart/form-data; boundary=b"
    with served.connect() as first:
        first.sendall(post("/api/v1/search/", 500 * KB, kind, sent=b"x" * 280 * KB))
        time.sleep(0.1)
        answer = served.ask(post("/api/v1/search/", 400 * KB, kind))
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 5\r\n" in answer
    time.sleep(0.1)
    assert told(served.ask(post("/api/v1/search/", 270 * KB, kind)))["body"] == 270 * KB


def test_a_stranger_s_archive_is_answered_by_the_application_unread(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(senders, "may_send_archives", lambda environ: "HTTP_COOKIE" in environ)
    served = serve(echo, memory_bytes=0, disk_bytes=100 * KB)
    path, size = "/api/v1/datasets/x/upload/", 900 * KB
    lines = [f"Content-Length: {size}", "Content-Type: multipart/form-data; boundary=b"]
    body = b"x" * size
    unread = told(served.ask(request("POST", path, *lines, body=body)))
    assert (unread["body"], unread["CONTENT_LENGTH"]) == (0, "0")
    lines += ["Cookie: c", "Connection: close"]
    assert told(served.ask(request("POST", path, *lines, body=body)))["body"] == size


def test_one_byte_of_a_header_and_silence_ends_the_connection(serve: Serve) -> None:
    served = serve(echo, header_s=0.3)
    with served.connect() as connection:
        connection.sendall(b"G")
        assert 0.2 < stopped(served, connection) < 5


def test_a_header_that_drips_ends_the_connection(serve: Serve) -> None:
    served = serve(echo, header_s=0.3)
    with served.connect() as connection:
        assert not drip(connection, b"X-A: 1\r\n")
    assert alive(served)


def test_empty_lines_do_not_keep_an_idle_connection(serve: Serve) -> None:
    served = serve(echo, header_s=0.3)
    with served.connect() as connection:
        connection.sendall(request("GET", "/"))
        assert connection.recv(1000)
        assert not drip(connection, b"\r\n")


def test_endless_headers_are_refused(serve: Serve) -> None:
    served = serve(echo, header_s=30)
    with served.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert not drip(connection, b"a" * 1000)
        answer = connection.recv(1000)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "too_large"


def test_what_is_no_http_is_refused_in_the_form_of_every_error(serve: Serve) -> None:
    served = serve(echo)
    for sent in (b"NONSENSE /api/v1/ HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01 hello\r\n\r\n"):
        answer = served.ask(sent)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert set(json.loads(answer.partition(b"\r\n\r\n")[2])["error"]) == {"code", "detail"}


def test_thousands_of_requests_ahead_of_their_answers_are_refused(serve: Serve) -> None:
    served = serve(echo)
    assert (
        served.ask(request("GET", "/") * 50 + request("GET", "/", "Connection: close")).count(b"HTTP/1.1 200")
        == 51
    )
    with suppress(ConnectionResetError):
        assert served.ask(request("GET", "/") * 5000).count(b"HTTP/1.1 200") <= 102
    assert alive(served)


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b"])
def test_a_body_that_drips_is_refused_and_holds_no_thread(serve: Serve, kind: str) -> None:
    served = serve(echo, grace_s=0.3)
    dripping = [served.connect() for _ in range(10)]
    for connection in dripping:
        connection.sendall(post("/api/v1/search/", 1000, kind, sent=b"x"))
    for _ in range(3):
        for connection in dripping:
            connection.sendall(b"x")
        assert alive(served)
        assert told(served.ask(post("/", 10)))["body"] == 10
        time.sleep(0.03)
    answer = everything(dripping[0])
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert told(answer)["error"]["code"] == "too_slow"
    for connection in dripping:
        connection.close()


def test_a_slow_client_that_keeps_the_lowest_rate_is_waited_for(serve: Serve) -> None:
    served = serve(echo, grace_s=0.75)
    with served.connect() as connection:
        connection.sendall(post("/api/v1/search/", 8 * KB, sent=b""))
        for _ in range(16):
            connection.sendall(b"x" * 512)
            time.sleep(0.06)  # 8 KB a second
        assert told(everything(connection))["body"] == 8 * KB


def test_the_time_a_slow_disk_takes_is_not_held_against_the_client(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Body._opened

    def slowly(body: Body) -> Any:
        time.sleep(1)
        return opened(body)

    monkeypatch.setattr(Body, "_opened", slowly)
    served = serve(echo, memory_bytes=0, grace_s=0.75)
    assert told(served.ask(post("/api/v1/search/", 64 * KB)))["body"] == 64 * KB


def test_where_there_are_too_many_connections_the_oldest_that_rests_makes_room(serve: Serve) -> None:
    served = serve(echo, connections=5, header_s=60)
    resting = [served.connect() for _ in range(5)]
    time.sleep(0.05)
    assert alive(served)
    assert resting[0].recv(1) == b""
    resting[4].sendall(request("GET", "/"))
    assert resting[4].recv(20).startswith(b"HTTP/1.1 200 ")
    for connection in resting:
        connection.close()


def test_alive_is_answered_and_the_queue_refuses_while_every_thread_is_held(serve: Serve) -> None:
    held = threading.Event()

    def hold(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        assert held.wait(10)
        return echo(environ, start_response)

    served = serve(hold, waiting_s=1)
    asking = [served.connect() for _ in range(2)]
    for connection in asking:
        connection.sendall(request("GET", "/", "Connection: close"))
    time.sleep(0.05)
    assert alive(served)
    waiting = [served.connect() for _ in range(2)]
    for connection in waiting:
        connection.sendall(request("GET", "/api/v1/", "Connection: close"))
    time.sleep(0.05)
    began = time.monotonic()
    answer = served.ask(request("GET", "/", "Connection: close"))
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: " in answer
    assert time.monotonic() - began < 0.8, "more than may wait are refused at once"
    for connection in waiting:
        refused = everything(connection)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert told(refused)["error"]["code"] == "busy"
    held.set()
    for connection in asking:
        assert everything(connection).startswith(b"HTTP/1.1 200 ")


def large(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with 20 MB, piece by piece."""
    start_response("200 OK", [])
    return (b"x" * MB for _ in range(20))


def test_a_client_that_never_reads_holds_no_thread_and_loses_its_connection(serve: Serve) -> None:
    served = serve(large, grace_s=0.3, rate_bytes_s=500 * KB, waiting=50, waiting_s=10)
    silent = [served.connect() for _ in range(6)]
    for connection in silent:
        connection.sendall(request("GET", "/"))
    time.sleep(0.1)
    assert alive(served)
    assert len(served.ask(request("GET", "/", "Connection: close"))) > 20 * MB
    time.sleep(1.5)
    for connection in silent:
        assert len(everything(connection)) < 20 * MB


def test_long_answers_that_nobody_takes_share_what_there_is_of_disk(serve: Serve) -> None:
    served = serve(large, disk_bytes=45 * MB, waiting=50, waiting_s=10)
    silent = [served.connect() for _ in range(2)]
    for connection in silent:
        connection.sendall(request("GET", "/"))
        assert connection.recv(10).startswith(b"HTTP/1.1 2")
    assert served.ask(request("GET", "/", "Connection: close")).startswith(b"HTTP/1.1 503 ")
    for connection in silent:
        connection.close()
    time.sleep(0.1)
    assert len(served.ask(request("GET", "/", "Connection: close"))) > 20 * MB


def test_a_long_answer_arrives_whole_and_its_connection_is_kept(serve: Serve) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", serve(large).port, timeout=20)
    for _ in range(2):
        connection.request("GET", "/")
        assert len(connection.getresponse().read()) == 20 * MB


class Counted:
    """A file that knows whether it was closed."""

    def __init__(self, size: int) -> None:
        self.left, self.closed = size, threading.Event()

    def read(self, size: int) -> bytes:
        size = min(size, self.left)
        self.left -= size
        return b"x" * size

    def close(self) -> None:
        self.closed.set()


@pytest.mark.parametrize("size", [0, 1000, 128 * KB, 1_000_000])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_file_is_sent_whole_and_closed(serve: Serve, method: str, size: int) -> None:
    file = Counted(size)

    def send(environ: Environ, start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [("Content-Length", str(size))])
        return FileWrapper(file)  # type: ignore[arg-type]

    head, _, body = serve(send).ask(request(method, "/", "Connection: close")).partition(b"\r\n\r\n")
    assert b"content-length: %d" % size in head
    assert len(body) == (size if method == "GET" else 0)
    assert file.closed.wait(5)


def test_an_answer_that_breaks_half_way_ends_the_connection(serve: Serve) -> None:
    def broken(environ: Environ, start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"x"
        raise ValueError("a defect")

    answer = serve(broken).ask(request("GET", "/", "Connection: close"))
    assert answer.startswith(b"HTTP/1.1 500 ")


def test_a_client_that_resets_its_connection_leaves_nothing_behind(serve: Serve) -> None:
    served = serve(echo)
    for _ in range(20):
        connection = served.connect()
        connection.sendall(
            post("/api/v1/search/", 500 * KB, "multipart/form-data; boundary=b", sent=b"x" * 300 * KB)
        )
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    bodies = served.front._bodies
    until(
        lambda: (bodies.memory._left, bodies.disk._left) == (256 * KB, 256 * MB),
        within_s=10,
        what="all that was held is given back",
    )


GIVEN = "given-by-a-proxy"


def test_every_answer_has_the_id_of_its_request_and_the_application_is_told_it(serve: Serve) -> None:
    served = serve(echo)
    name = f"X-Request-ID: {GIVEN}"
    answers = (
        served.ask(request("GET", "/healthz", name, "Connection: close")),
        served.ask(request("POST", "/x", name, "Content-Length: 99999999", "Connection: close")),
    )
    for answer in answers:
        assert f"x-request-id: {GIVEN}\r\n".encode() in answer.lower(), answer
    assert b" 413 " in answers[1]
    assert told(served.ask(request("GET", "/x", name, "Connection: close")))["HTTP_X_REQUEST_ID"] == GIVEN
    for odd in ("short", "x" * 200, "not a sane one"):
        made = told(served.ask(request("GET", "/x", f"X-Request-ID: {odd}", "Connection: close")))
        assert made["HTTP_X_REQUEST_ID"] not in ("", odd, GIVEN)


def test_requests_are_counted_and_logged_where_that_is_wanted(
    serve: Serve, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[tuple[Any, ...]] = []
    monkeypatch.setattr(Measures, "request_ended", lambda _, *values: ended.append(values))

    def named(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ[ROUTE] = "the-route"
        return echo(environ, start_response)

    with caplog.at_level("INFO", "semsearch_site.web.requests"):
        serve(named).ask(request("GET", "/quiet", "Connection: close"))
        served = serve(named, logs_requests=True)
        served.ask(request("PROPFIND", "/x?token=hidden", f"X-Request-ID: {GIVEN}", "Connection: close"))
        served.ask(request("POST", "/x", "Content-Length: 99999999", "Connection: close"))
        served.ask(request("GET", "/healthz", "Connection: close"))
    assert [values[:3] for values in ended] == [
        ("the-route", "GET", 200),
        ("the-route", "other", 200),
        ("refused", "POST", 413),
        ("healthz", "GET", 200),
    ]
    assert all(0 <= values[3] < 10 for values in ended)
    lines = [one.getMessage() for one in caplog.records if one.name == "semsearch_site.web.requests"]
    assert len(lines) == 3, "not the first, which is not to be logged"
    assert lines[0].startswith('127.0.0.1 "PROPFIND /x" 200 ')
