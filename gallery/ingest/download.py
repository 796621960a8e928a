"""Downloading a picture from a user's URL without reaching anything inside the own network.

The host is resolved once, every address it has is checked, and the connection goes to a checked address
itself: a name that resolves differently a moment later (DNS rebinding) changes nothing. Redirects are
followed by hand and checked the same way. Proxies of the environment are not used: they would resolve
the name again.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from gallery.errors import AddressRefusedError, FetchFailedError, SemsearchError, TooLargeError
from gallery.ingest.addresses import check_address, checked_host

Resolver: TypeAlias = Callable[[str, int], list[str]]
Connector: TypeAlias = Callable[[str, int, float], socket.socket]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_REDIRECTS = {301, 302, 303, 307, 308}
_PIECE_BYTES = 64 * 1024
_MAX_URL_CHARACTERS = 8192
_HEADERS = {"User-Agent": "semsearch", "Accept": "image/*, */*;q=0.5", "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class FetchLimits:
    """How much, how long and where to; `allow_hosts` holds "host:port" pairs free of the address rule."""

    max_bytes: int = 50 * 2**20
    connect_timeout_s: float = 5.0
    total_timeout_s: float = 20.0
    max_redirects: int = 3
    allowed_ports: tuple[int, ...] = (80, 443)
    allow_hosts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Fetched:
    """The bytes that came, and the URL they came from after all redirects."""

    data: bytes
    final_url: str


def system_resolve(host: str, port: int) -> list[str]:
    """All addresses of a host in the system's order; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


def direct_connect(address: str, port: int, timeout_s: float) -> socket.socket:
    """A TCP connection to a numeric address; raises OSError."""
    return socket.create_connection((address, port), timeout_s)


def fetch(
    url: str, limits: FetchLimits, *, resolve: Resolver = system_resolve, connect: Connector = direct_connect
) -> Fetched:
    """Download what an http or https URL leads to, within the limits.

    `resolve` and `connect` stand for the system's name service and TCP; tests pass their own.

    Raises: AddressRefusedError, FetchFailedError, TooLargeError.
    """
    way = _Way(limits, _Deadline(limits.total_timeout_s), resolve, connect)
    for _ in range(limits.max_redirects + 1):
        place = _checked_place(url, limits)
        try:
            answer = _ask(place, way)
        except (OSError, http.client.HTTPException) as error:
            raise _in_words(error, place, limits) from error
        if isinstance(answer, bytes):
            return Fetched(answer, place.url)
        url = _joined(place, answer)
    raise FetchFailedError(f"{url} is reached only after more than {limits.max_redirects} redirects")


@dataclass(frozen=True)
class _Redirect:
    location: str


@dataclass(frozen=True)
class _Place:
    """A URL that passed the rules, taken apart."""

    url: str
    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


class _Deadline:
    """The moment by which everything must be over, in seconds of the monotonic clock."""

    def __init__(self, total_s: float) -> None:
        self._end_s = time.monotonic() + total_s

    def left_s(self) -> float:
        """Seconds left; raises TimeoutError when there are none."""
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s


@dataclass(frozen=True)
class _Way:
    """How everything is asked that one download asks: its limits, its deadline, name service and TCP."""

    limits: FetchLimits
    deadline: _Deadline
    resolve: Resolver
    connect: Connector


class _DeadlineStream(io.RawIOBase):
    """What a socket receives, where each wait ends at the deadline.

    A plain socket timeout starts anew with every byte, so a server sending one byte a second could hold
    a connection for ever, in the headers as well as in the body.
    """

    def __init__(self, source: socket.socket, deadline: _Deadline) -> None:
        self._source = source
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._source.settimeout(self._deadline.left_s())
        return self._source.recv_into(buffer)

    def makefile(self, mode: str) -> io.BufferedReader:
        """Stand in for the socket that `http.client.HTTPResponse` wants."""
        return io.BufferedReader(self, _PIECE_BYTES)


def _checked_place(url: str, limits: FetchLimits) -> _Place:
    if len(url) > _MAX_URL_CHARACTERS:
        raise AddressRefusedError(f"the address is longer than {_MAX_URL_CHARACTERS} characters")
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise AddressRefusedError(f"this is not a web address ({error}): check it") from error
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise AddressRefusedError("only addresses that begin with http:// or https:// are fetched")
    if "@" in parts.netloc:
        raise AddressRefusedError("an address with a user name or password is not fetched: leave them out")
    host = checked_host(parts.hostname)
    port = _DEFAULT_PORTS[parts.scheme] if port is None else port
    if port not in limits.allowed_ports and f"{host}:{port}" not in limits.allow_hosts:
        allowed = ", ".join(str(each) for each in limits.allowed_ports)
        raise AddressRefusedError(f"port {port} is not fetched from, only {allowed}")
    return _place(parts, host, port)


def _place(parts: SplitResult, host: str, port: int) -> _Place:
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    if parts.query:
        path += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    bare = _Place("", parts.scheme, host, port, path)
    return _Place(f"{parts.scheme}://{bare.host_header}{path}", parts.scheme, host, port, path)


def _joined(place: _Place, redirect: _Redirect) -> str:
    try:
        return urljoin(place.url, redirect.location)
    except ValueError as error:
        raise AddressRefusedError(f"{place.host} redirects to something that is no web address") from error


def _ask(place: _Place, way: _Way) -> bytes | _Redirect:
    addresses = _addresses(place, way)
    with _connection(place, addresses, way) as source:
        source.settimeout(way.deadline.left_s())
        source.sendall(_request(place))
        # HTTPResponse asks of a socket only `makefile`.
        response = http.client.HTTPResponse(_DeadlineStream(source, way.deadline), method="GET")  # type: ignore[arg-type]
        with response:
            response.begin()
            return _body(response, place, way.limits)


def _addresses(place: _Place, way: _Way) -> list[str]:
    """All addresses of the place, resolved once, every one checked."""
    addresses = _resolve_in_time(place, way)
    if not addresses:
        raise FetchFailedError(f"the name {place.host} was not found: check the address")
    if f"{place.host}:{place.port}" not in way.limits.allow_hosts:
        for address in addresses:
            check_address(place.host, address)
    return addresses


def _resolve_in_time(place: _Place, way: _Way) -> list[str]:
    # getaddrinfo knows no timeout; a thread of its own can be left behind.
    outcome: list[list[str] | OSError] = []

    def work() -> None:
        try:
            outcome.append(way.resolve(place.host, place.port))
        except UnicodeError as error:
            outcome.append(OSError(str(error)))
        except OSError as error:
            outcome.append(error)

    worker = threading.Thread(target=work, name="fetch-resolve", daemon=True)
    worker.start()
    worker.join(way.deadline.left_s())
    if not outcome:
        raise TimeoutError
    if isinstance(outcome[0], OSError):
        raise FetchFailedError(f"the name {place.host} was not found: check the address") from outcome[0]
    return outcome[0]


def _connection(place: _Place, addresses: list[str], way: _Way) -> socket.socket:
    """The first of the checked addresses that answers, with TLS verified for the host's name."""
    failure: OSError | None = None
    for address in addresses:
        try:
            wait_s = min(way.limits.connect_timeout_s, way.deadline.left_s())
            source = way.connect(address, place.port, wait_s)
        except OSError as error:
            failure = error
            continue
        if place.scheme == "http":
            return source
        try:
            source.settimeout(way.deadline.left_s())
            return ssl.create_default_context().wrap_socket(source, server_hostname=place.host)
        except BaseException:
            source.close()
            raise
    raise failure or OSError("no address")


def _request(place: _Place) -> bytes:
    headers = {"Host": place.host_header, **_HEADERS, "Connection": "close"}
    lines = [f"GET {place.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("ascii")


def _body(response: http.client.HTTPResponse, place: _Place, limits: FetchLimits) -> bytes | _Redirect:
    location = response.headers.get("Location")
    if response.status in _REDIRECTS and location:
        return _Redirect(location)
    if response.status != http.client.OK:
        raise FetchFailedError(f"{place.host} answered {response.status} {response.reason}".rstrip())
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise FetchFailedError(f"{place.host} sent packed bytes although plain ones were asked for")
    too_large = TooLargeError(
        f"what {place.host} sends is larger than {limits.max_bytes / 2**20:.1f} MiB: use a smaller image"
    )
    if response.length is not None and response.length > limits.max_bytes:
        raise too_large
    data = bytearray()
    while piece := response.read(_PIECE_BYTES):
        data += piece
        if len(data) > limits.max_bytes:
            raise too_large
    if response.length:
        raise http.client.IncompleteRead(bytes(data), response.length)
    if not data:
        raise FetchFailedError(f"{place.host} answered with nothing")
    return bytes(data)


def _in_words(
    error: OSError | http.client.HTTPException, place: _Place, limits: FetchLimits
) -> SemsearchError:
    where = f"{place.host}, port {place.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return FetchFailedError(f"the certificate of {where} is not valid: {error.verify_message}")
    if isinstance(error, TimeoutError):
        return FetchFailedError(
            f"{where} took too long (at most {limits.connect_timeout_s:g} s to connect and "
            f"{limits.total_timeout_s:g} s in all): try again later"
        )
    if isinstance(error, ssl.SSLError):
        return FetchFailedError(f"no secure (TLS) connection to {where} could be made: {error.reason}")
    if isinstance(error, ConnectionRefusedError):
        return FetchFailedError(f"{where} refused the connection")
    if isinstance(error, (http.client.IncompleteRead, ConnectionError)):
        return FetchFailedError(f"{where} broke off before everything was sent: try again")
    if isinstance(error, http.client.HTTPException):
        return FetchFailedError(f"{where} answered something that is not HTTP")
    return FetchFailedError(f"{where} could not be reached: {error.strerror or error}")
