"""Downloads from a real local server, and everything that must not be reached."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest

from gallery.errors import AddressRefusedError, FetchFailedError, TooLargeError
from gallery.ingest.addresses import checked_host, is_public
from gallery.ingest.download import Fetched, FetchLimits, fetch

IMAGE = b"\x89PNG picture"
# ten seconds in all
DRIPS, DRIP_S = 200, 0.05


class Handler(BaseHTTPRequestHandler):
    """Answers by path; keeps the Host headers it saw."""

    hosts: list[str]

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.server.hosts.append(self.headers["Host"])  # type: ignore[attr-defined]
        answers: dict[str, Callable[[], None]] = {
            "/picture": self.image,
            "/long": lambda: self.head(200, ("Content-Length", str(10**9))),
            "/endless": self.endless,
            "/drip": self.drip,
            "/drip-head": self.drip_head,
            "/broken": self.broken,
            "/nothing": lambda: self.head(200, ("Content-Length", "0")),
            "/packed": lambda: self.head(200, ("Content-Encoding", "gzip"), ("Content-Length", "0")),
            "/inside": lambda: self.head(302, ("Location", "http://169.254.169.254/latest/meta-data/")),
            "/file": lambda: self.head(302, ("Location", "file:///etc/passwd")),
            "/nonsense": lambda: self.head(302, ("Location", "http://[::1/")),
            "/loop": lambda: self.head(302, ("Location", "/loop")),
            "/moved": lambda: self.head(301, ("Location", "picture#part")),
        }
        answer = answers.get(self.path.split("?")[0])
        if answer is None:
            self.head(404)
        else:
            answer()

    def head(self, status: int, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def image(self) -> None:
        self.head(200, ("Content-Length", str(len(IMAGE))))
        self.wfile.write(IMAGE)

    def endless(self) -> None:
        self.head(200)
        for _ in range(1000):
            self.wfile.write(bytes(10_000))

    def drip(self) -> None:
        self.head(200, ("Content-Length", "1000"))
        for _ in range(DRIPS):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(DRIP_S)

    def drip_head(self) -> None:
        for _ in range(DRIPS):
            self.wfile.write(b"H")
            self.wfile.flush()
            time.sleep(DRIP_S)

    def broken(self) -> None:
        self.head(200, ("Content-Length", "1000"))
        self.wfile.write(b"x" * 10)


class QuietServer(ThreadingHTTPServer):
    """A server that does not print when a client leaves early."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.hosts: list[str] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients leaving early are what these tests are about."""


def serving(server: QuietServer) -> Iterator[QuietServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def server() -> Iterator[QuietServer]:
    yield from serving(QuietServer())


def limits_for(server: QuietServer, host: str = "127.0.0.1") -> FetchLimits:
    return FetchLimits(allow_hosts=frozenset({f"{host}:{server.server_port}"}))


def get(server: QuietServer, path: str, **changes: float) -> Fetched:
    limits = replace(limits_for(server), **changes)  # type: ignore[arg-type]
    return fetch(f"http://127.0.0.1:{server.server_port}{path}", limits)


def never_connect(address: str, port: int, timeout_s: float) -> socket.socket:
    raise AssertionError(f"connected to {address}:{port}")


def test_an_image_of_an_allowed_host_is_fetched(server: QuietServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # proxies of the environment are not used
    address = f"http://127.0.0.1:{server.server_port}/picture"
    assert get(server, "/picture") == Fetched(IMAGE, address)
    assert get(server, "/moved") == Fetched(IMAGE, address)


def test_spaces_and_foreign_letters_in_the_path_are_encoded(server: QuietServer) -> None:
    assert get(server, "/picture?name=é a\r\nX: y").data == IMAGE


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/none", "answered 404 Not Found"),
        ("/broken", "broke off"),
        ("/nothing", "answered with nothing"),
        ("/packed", "packed bytes"),
        ("/loop", "more than 3 redirects"),
    ],
)
def test_a_bad_answer_is_told_in_words(server: QuietServer, path: str, words: str) -> None:
    with pytest.raises(FetchFailedError, match=words):
        get(server, path)


@pytest.mark.parametrize("path", ["/long", "/endless"])
def test_too_many_bytes_are_refused(server: QuietServer, path: str) -> None:
    with pytest.raises(TooLargeError, match=r"larger than 0\.1 MiB"):
        get(server, path, max_bytes=100_000)


@pytest.mark.parametrize("path", ["/drip", "/drip-head"])
def test_a_server_that_sends_byte_by_byte_is_left_at_the_deadline(server: QuietServer, path: str) -> None:
    began_s = time.monotonic()
    with pytest.raises(FetchFailedError, match="took too long"):
        get(server, path, total_timeout_s=0.3)
    assert time.monotonic() - began_s < DRIPS * DRIP_S / 2


@pytest.mark.parametrize("path", ["/inside", "/file", "/nonsense"])
def test_a_redirect_inside_is_refused(server: QuietServer, path: str) -> None:
    with pytest.raises(AddressRefusedError):
        get(server, path)


def test_a_server_is_not_reached_without_leave(server: QuietServer) -> None:
    ports = FetchLimits(allowed_ports=(server.server_port,))
    with pytest.raises(AddressRefusedError, match="not on the public internet"):
        fetch(f"http://127.0.0.1:{server.server_port}/picture", ports)
    with pytest.raises(AddressRefusedError, match="port"):
        fetch(f"http://127.0.0.1:{server.server_port}/picture", FetchLimits())
    assert server.hosts == []


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["93.184.215.14", "10.0.0.1"], ["93.184.215.14", "::1"]])
def test_a_name_of_which_any_address_is_inside_is_refused(answer: list[str]) -> None:
    with pytest.raises(AddressRefusedError, match=r"pictures\.test leads to"):
        fetch(
            "http://pictures.test/", FetchLimits(), resolve=lambda host, port: answer, connect=never_connect
        )


def test_a_name_is_resolved_once_and_the_checked_address_is_connected_to(server: QuietServer) -> None:
    answers = [["93.184.215.14"], ["127.0.0.1"]]
    connected: list[tuple[str, int]] = []

    def resolve(host: str, port: int) -> list[str]:
        assert (host, port) == ("pictures.test", 80)
        return answers.pop(0)

    def connect(address: str, port: int, timeout_s: float) -> socket.socket:
        connected.append((address, port))
        return socket.create_connection(("127.0.0.1", server.server_port), timeout_s)

    fetched = fetch("http://pictures.test/picture", FetchLimits(), resolve=resolve, connect=connect)
    assert fetched == Fetched(IMAGE, "http://pictures.test/picture")
    assert connected == [("93.184.215.14", 80)]
    assert len(answers) == 1
    assert server.hosts == ["pictures.test"]


def test_a_redirect_to_a_name_that_now_resolves_inside_is_refused(server: QuietServer) -> None:
    answers = [["93.184.215.14"], ["127.0.0.1"]]
    with pytest.raises(AddressRefusedError, match=r"leads to 127\.0\.0\.1"):
        fetch(
            "http://pictures.test/moved",
            FetchLimits(),
            resolve=lambda host, port: answers.pop(0),
            connect=lambda address, port, timeout_s: socket.create_connection(
                ("127.0.0.1", server.server_port), timeout_s
            ),
        )


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/a.jpg",
        "file:///etc/passwd",
        "//example.com/a.jpg",
        "example.com/a.jpg",
        "",
        "http://",
        "http://user:secret@example.com/",
        "http://example.com:22/",
        "http://example.com:99999/",
        "http://[::1/",
        "http://exa mple.com/",
        "http://a..b/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://1.2.3.4.5/",
        "http://127.0.0.1/",
        "http://127.0.0.1./",
        "http://\uff11\uff12\uff17\u3002\uff10\u3002\uff10\u3002\uff11/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[fe80::1%25eth0]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost/",
        "http://example.com/" + "a" * 10_000,
    ],
)
def test_an_address_that_is_not_plainly_public_is_refused(url: str) -> None:
    def literal(host: str, port: int) -> list[str]:
        return ["127.0.0.1" if host == "localhost" else host]

    with pytest.raises(AddressRefusedError):
        fetch(url, FetchLimits(), resolve=literal, connect=never_connect)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.1.1"),
        *("192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
        *("255.255.255.255", "168.63.129.16"),
        *(
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0:127.0.0.1",
            "fc00::1",
            "fe80::1",
            "fec0::1",
        ),
        *("ff02::1", "ff0e::1", "100::1", "2001:db8::1", "2002:7f00:1::", "2001:0:4136:e378::1"),
        *("64:ff9b::7f00:1", "64:ff9b:1::1", "fd00:ec2::254"),
    ],
)
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07::1", "64:ff9b::5db8:d70e"])
def test_ordinary_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


def test_a_host_is_brought_into_one_form() -> None:
    assert checked_host("Bücher.Example.") == "xn--bcher-kva.example"
    assert checked_host("2606:2800:0:0::1") == "2606:2800::1"


def test_a_name_that_is_not_found_is_told() -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    def resolve_to_none(host: str, port: int) -> list[str]:
        return []

    for nothing in (resolve, resolve_to_none):
        with pytest.raises(FetchFailedError, match=r"the name pictures\.test was not found"):
            fetch("http://pictures.test/", FetchLimits(), resolve=nothing, connect=never_connect)


def test_a_name_service_that_does_not_answer_is_left_at_the_deadline() -> None:
    release = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        release.wait(5)
        return []

    with pytest.raises(FetchFailedError, match="took too long"):
        fetch("http://pictures.test/", FetchLimits(total_timeout_s=0.1), resolve=resolve)
    release.set()


def test_a_refused_connection_is_told_and_the_next_address_tried(server: QuietServer) -> None:
    def connect(address: str, port: int, timeout_s: float) -> socket.socket:
        if address == "93.184.215.14":
            raise ConnectionRefusedError
        return socket.create_connection(("127.0.0.1", server.server_port), timeout_s)

    def ask(answer: list[str]) -> Fetched:
        return fetch(
            "http://pictures.test/picture", FetchLimits(), resolve=lambda host, port: answer, connect=connect
        )

    with pytest.raises(FetchFailedError, match="refused the connection"):
        ask(["93.184.215.14"])
    assert ask(["93.184.215.14", "93.184.215.15"]).data == IMAGE


@pytest.fixture
def secure_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[QuietServer]:
    """Serves TLS with a certificate of its own for pictures.test, which the process trusts."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("makes its certificate with the openssl program")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-days", "2", "-subj", "/CN=pictures.test", "-addext", "subjectAltName=DNS:pictures.test"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server = QuietServer()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    yield from serving(server)


def test_a_secure_server_is_verified_by_its_name_while_its_address_is_pinned(
    secure_server: QuietServer,
) -> None:
    def ask(host: str) -> Fetched:
        url = f"https://{host}:{secure_server.server_port}/picture"
        return fetch(url, limits_for(secure_server, host), resolve=lambda host, port: ["127.0.0.1"])

    assert ask("pictures.test").data == IMAGE
    with pytest.raises(FetchFailedError, match=r"certificate of others\.test"):
        ask("others.test")


def test_an_unknown_certificate_is_refused(
    secure_server: QuietServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(FetchFailedError, match="certificate"):
        fetch(
            f"https://pictures.test:{secure_server.server_port}/picture",
            limits_for(secure_server, "pictures.test"),
            resolve=lambda host, port: ["127.0.0.1"],
        )


def test_a_server_that_speaks_no_tls_is_told(server: QuietServer) -> None:
    with pytest.raises(FetchFailedError, match=r"secure|broke off"):
        fetch(f"https://127.0.0.1:{server.server_port}/picture", limits_for(server))
