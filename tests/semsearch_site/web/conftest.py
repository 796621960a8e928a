"""A server as a web process runs it, in a thread, before an application that each test writes for itself."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import Server

from semsearch_site.web.connections import look_after
from semsearch_site.web.front import Front
from semsearch_site.web.limits import Limits
from semsearch_site.web.worker import FrontWorker
from semsearch_site.web.wsgi_answers import WSGI

KB = 2**10
Serve = Callable[..., "Served"]


class Served:
    """A server that runs, and how to talk to it."""

    def __init__(self, port: int, front: Front) -> None:
        self.port, self.front = port, front

    def connect(self) -> socket.socket:
        """Return a new connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def ask(self, request: bytes) -> bytes:
        """Return all that comes back on a connection, until the server closes it."""
        with self.connect() as connection:
            connection.sendall(request)
            return everything(connection)


def everything(connection: socket.socket) -> bytes:
    """Return what comes until the end of a connection."""
    came = bytearray()
    while data := connection.recv(2**16):
        came += data
    return bytes(came)


def request(method: str, path: str, *lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: here", *lines, "", ""]).encode() + body


def post(path: str, size: int, kind: str = "application/json", sent: bytes | None = None) -> bytes:
    lines = (f"Content-Length: {size}", f"Content-Type: {kind}", "Connection: close")
    return request("POST", path, *lines, body=b"x" * size if sent is None else sent)


def in_chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)


@pytest.fixture
def limits(tmp_path: Path) -> Limits:
    """Return limits of size that a test reaches quickly; of time only where it asks for shorter ones."""
    return Limits(
        threads=2,
        waiting=2,
        waiting_s=30,
        connections=50,
        header_s=30,
        grace_s=30,
        rate_bytes_s=4 * KB,
        form_bytes=64 * KB,
        image_bytes=512 * KB,
        archive_bytes=2**20,
        memory_bytes=256 * KB,
        disk_bytes=256 * 2**20,
        folder=tmp_path / "bodies",
    )


@pytest.fixture
def serve(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Return a function that serves a WSGI application, with some limits changed."""
    monkeypatch.setattr("semsearch_site.web.connections.LOOKED_AT_EVERY_S", 0.05)
    monkeypatch.setattr("semsearch_site.web.answers.SWALLOW_SILENCE_S", 0.1)
    with ExitStack() as last:

        def start(wsgi: WSGI, **changes: Any) -> Served:
            return last.enter_context(_running(wsgi, replace(limits, **changes)))

        yield start


@contextmanager
def _running(wsgi: WSGI, limits: Limits) -> Iterator[Served]:
    listening = socket.create_server(("127.0.0.1", 0))
    options: dict[str, Any] = FrontWorker.CONFIG_KWARGS | {"timeout_graceful_shutdown": 1}
    started = threading.Event()
    held: list[Any] = []

    async def run() -> None:
        front = Front(wsgi, limits)
        server = Server(Config(front, log_config=None, access_log=False, timeout_keep_alive=1, **options))
        held[:] = server, front
        watch = asyncio.create_task(look_after(server.server_state))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:
            await asyncio.sleep(0.005)
        started.set()
        await serving
        watch.cancel()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        assert started.wait(10)
        yield Served(listening.getsockname()[1], held[1])
    finally:
        held[0].should_exit = True
        thread.join(10)
