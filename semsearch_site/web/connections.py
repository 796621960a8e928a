"""Connections of clients: how long they may say nothing, or take nothing, and how many there may be."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from semsearch_site.web.answers import PIECE_BYTES
from semsearch_site.web.limits import Limits

LOOKED_AT_EVERY_S = 1.0
# What may come beside a body: request line, headers, and for each byte of the body the frame of a chunk.
MOST_HEADER_BYTES = 64 * 2**10
MOST_FRAME_BYTES = 16
TOO_LONG = f"Address and headers have more than {MOST_HEADER_BYTES // 2**10} KiB: send less in them."
BODY_PART_BYTES = 256 * 2**10
MOST_AHEAD = 100  # requests that wait for the answer to one before them


class BoundedConnection(HttpToolsProtocol):
    """A connection that is ended where it rests, begins a request or takes an answer for too long.

    uvicorn itself waits for ever for the end of headers, and for a client to take what was sent.
    """

    def __init__(self, config: Any, server_state: ServerState, app_state: dict[str, Any], _loop: Any) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits: Limits = config.app.limits
        self._since = self.loop.time()
        self._patience_s = self._limits.header_s  # 0 while a request is under way
        self._headers_wanted = True
        self._came_bytes = self._body_bytes = 0
        self._stuck_since: float | None = None  # since when the client takes nothing, or does not let go

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the place of the connection that has rested longest, where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            oldest = min(self.connections - {self}, key=_dispensable)
            self.connections.discard(oldest)  # its end comes only after others that arrived with this one
            oldest.transport.abort()

    def look(self, now: float) -> None:
        """End the connection if its client keeps it waiting for too long."""
        if self.cycle is not None and self.cycle.body:
            self.cycle.message_event.set()
        if self._stuck_since is not None:
            if now - self._stuck_since > self._limits.grace_s + PIECE_BYTES / self._limits.rate_bytes_s:
                self.transport.abort()
        elif self.transport.is_closing():
            self._stuck_since = now
        elif _rests(self) and now - self._since > self._patience_s:
            self.transport.close()

    def pause_writing(self) -> None:
        """Note that the client does not take what is sent."""
        super().pause_writing()
        self._stuck_since = self.loop.time()

    def resume_writing(self) -> None:
        """Note that it does."""
        super().resume_writing()
        self._stuck_since = None

    def data_received(self, data: bytes) -> None:
        """Read on, unless far more came than a body and its headers."""
        self._came_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._came_bytes > MOST_HEADER_BYTES + MOST_FRAME_BYTES * self._body_bytes:
            if _rests(self):
                self._end("431 Request Header Fields Too Large", "too_large", TOO_LONG)
            else:
                self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, as an unknown method: of its address nothing is known, so it gets JSON."""
        if len(self.url) >= MOST_HEADER_BYTES:  # which no parser takes
            self._end("431 Request Header Fields Too Large", "too_large", TOO_LONG)
            return
        self._end("400 Bad Request", "invalid", "The request is no HTTP that is read here.")

    def _end(self, status: str, code: str, detail: str) -> None:
        """Answer with an error and end the connection: where the next request begins is not known."""
        body = json.dumps({"error": {"code": code, "detail": detail}})
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(f"{head}connection: close\r\n\r\n{body}".encode("ascii"))
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        # a stranger's wish for WebSockets, which there are none of here, is not worth a line
        pass

    def on_message_begin(self) -> None:
        """Wait for the rest of the headers from now on."""
        super().on_message_begin()
        self._since, self._patience_s, self._headers_wanted = self.loop.time(), self._limits.header_s, True
        self._came_bytes = self._body_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what comes after the body is none that anybody checked."""
        if self._headers_wanted:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Wait no longer: the body has a deadline of its own."""
        self._since, self._patience_s, self._headers_wanted = self.loop.time(), 0.0, False
        super().on_headers_complete()
        if len(self.pipeline) > MOST_AHEAD:
            raise ValueError("too many requests before the first is answered")  # the parser makes it a 400

    def on_body(self, body: bytes) -> None:
        """Keep a part of a body. The application gets many at once: at the end, when large, each second."""
        self._body_bytes += len(body)
        if self.cycle.response_complete:
            return
        self.cycle.body += body
        if len(self.cycle.body) > BODY_PART_BYTES:
            self.flow.pause_reading()
            self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        """Let the connection rest, if no other request has begun to come."""
        super().on_response_complete()
        if not self._headers_wanted and self.cycle.response_complete:
            self._since, self._patience_s = self.loop.time(), float(self.timeout_keep_alive)


def _rests(connection: Any) -> bool:
    """Whether no request of a connection is under way."""
    return bool(connection._patience_s)


def _dispensable(connection: Any) -> tuple[bool, float]:
    """Return what orders connections by how little harm their end does: those that rest come first."""
    return not _rests(connection), connection._since


async def look_after(state: ServerState) -> None:
    """Look at all connections every second."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(LOOKED_AT_EVERY_S)
        for connection in list(state.connections):
            if isinstance(connection, BoundedConnection):
                connection.look(loop.time())
