"""Sends an answer at the pace at which its client takes it, while no thread waits."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from uvicorn._types import ASGIReceiveCallable as Receive
from uvicorn._types import ASGISendCallable as Send

# What is longer waits in a file, or is read from the one it is in, while the client takes it.
PIECE_BYTES = 128 * 2**10
# A client that still sends would lose the answer if the connection were simply closed (RFC 9112, 9.6).
SWALLOW_S = 10.0
SWALLOW_SILENCE_S = 2.0
SWALLOW_FREELY_BYTES = 32 * 2**20
SWALLOW_PAUSE_S = 0.002

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Answer:
    """Status, headers, the first bytes, and where there are more, the file that has the rest.

    `spooled_bytes`: how long a file is that was made for this answer alone.
    """

    status: int
    headers: Headers
    body: bytes = b""
    rest: BinaryIO | None = None
    spooled_bytes: int = 0

    def close(self) -> None:
        """Close the file, if there is one."""
        if self.rest is not None:
            self.rest.close()


class Sender:
    """Sends answers; files are read in threads of its own.

    Who takes an answer too slowly loses the connection (`BoundedConnection`).
    """

    def __init__(self, threads: Executor) -> None:
        self._threads = threads

    async def send(self, answer: Answer, receive: Receive, send: Send) -> None:
        """Answer a request that was read."""
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        if answer.rest is None:
            return await send({"type": "http.response.body", "body": answer.body, "more_body": False})
        gone = asyncio.create_task(_gone(receive))
        try:
            await self._send_file(answer.body, answer.rest, send, gone)
        finally:
            gone.cancel()
            self._threads.submit(answer.close)

    async def _send_file(self, piece: bytes, rest: BinaryIO, send: Send, gone: asyncio.Task[None]) -> None:
        loop = asyncio.get_running_loop()
        while piece and not gone.done():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            piece = await loop.run_in_executor(self._threads, rest.read, PIECE_BYTES)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def send_early(self, answer: Answer, receive: Receive, send: Send) -> None:
        """Answer a request that was not read, swallow what still comes, and close the connection."""
        headers = [*answer.headers, (b"connection", b"close")]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
        await _swallow(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    """Wait until the client closes the connection."""
    while (await receive())["type"] == "http.request":
        pass


async def _swallow(receive: Receive) -> None:
    """Read the rest of a body and keep nothing of it, for a while and, where it is long, at an easy pace."""
    seen = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(SWALLOW_S):
            while True:
                async with asyncio.timeout(SWALLOW_SILENCE_S):
                    message = await receive()
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
                seen += len(message.get("body", b""))
                if seen > SWALLOW_FREELY_BYTES:
                    await asyncio.sleep(SWALLOW_PAUSE_S)
