"""Bodies of requests, read in full before a thread sees them: in memory, or in files, and all bounded."""

from __future__ import annotations

import asyncio
import io
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, cast

from uvicorn._types import ASGIReceiveCallable as Receive

from semsearch_site.web import refusals
from semsearch_site.web.limits import Limits

# A larger body is kept in a file from there on.
MOST_IN_MEMORY_BYTES = 8 * 2**20
DISK_THREADS = 4


class ClientGoneError(Exception):
    """The client closed the connection before all of its request came."""


class Budget:
    """Bytes that may be held at the same time; used by the event loop only."""

    def __init__(self, limit_bytes: int) -> None:
        self._left = limit_bytes

    def take(self, size: int) -> bool:
        """Take so many bytes if they are left."""
        if size > self._left:
            return False
        self._left -= size
        return True

    def give_back(self, size: int) -> None:
        """Let others have so many bytes."""
        self._left += size


class Bodies:
    """All bodies that a process holds."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.memory = Budget(limits.memory_bytes)
        self.disk = Budget(limits.disk_bytes)
        # a disk that is slow must not make the event loop wait
        self.disk_threads = ThreadPoolExecutor(DISK_THREADS, thread_name_prefix="bodies")

    async def read(self, receive: Receive, most_bytes: int, body: Body) -> None:
        """Read a body until its end.

        Raises: RefusedError where it is too large or too slow, or where there is no room for it;
        ClientGoneError.
        """
        grace_s, rate = self.limits.grace_s, self.limits.rate_bytes_s
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(began + grace_s) as deadline:
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise ClientGoneError
                    if data := message.get("body", b""):
                        if body.size + len(data) > most_bytes:
                            raise refusals.too_large(most_bytes)
                        await body.add(data)
                    if not message.get("more_body"):
                        return
                    deadline.reschedule(began + grace_s + body.size / rate)
        except TimeoutError:
            raise refusals.too_slow() from None


class Body:
    """The body of one request; what a `trusted` one takes of the disk is not counted."""

    def __init__(self, bodies: Bodies) -> None:
        self.size = 0
        self.trusted = False
        self._bodies = bodies
        self._parts: list[bytes] = []
        self._in_memory = self._on_disk = 0
        self._file: BinaryIO | None = None

    async def add(self, data: bytes) -> None:
        """Keep the next bytes. Raises: RefusedError where there is no room for them."""
        self.size += len(data)
        if self._file is None and self.size <= MOST_IN_MEMORY_BYTES and self._bodies.memory.take(len(data)):
            self._in_memory += len(data)
            self._parts.append(data)
            return
        parts, self._parts = [*self._parts, data], []
        try:
            await self._write(parts)
        except OSError as error:
            raise refusals.busy() from error

    async def _write(self, parts: list[bytes]) -> None:
        size = sum(map(len, parts))
        if not self.trusted:
            if not self._bodies.disk.take(size):
                raise refusals.busy()
            self._on_disk += size
        run, threads = asyncio.get_running_loop().run_in_executor, self._bodies.disk_threads
        if self._file is None:
            self._file = await run(threads, self._opened)
        await run(threads, self._file.writelines, parts)
        self._bodies.memory.give_back(self._in_memory)
        self._in_memory = 0

    def _opened(self) -> BinaryIO:
        folder = self._bodies.limits.folder
        folder.mkdir(parents=True, exist_ok=True)
        return cast(BinaryIO, tempfile.TemporaryFile(dir=folder, buffering=0))

    def stream(self) -> BinaryIO:
        """Return what was kept, to be read from its beginning."""
        if self._file is None:
            return io.BytesIO(b"".join(self._parts))
        self._file.seek(0)
        return io.BufferedReader(cast(io.RawIOBase, self._file))

    def close(self) -> None:
        """Forget what was kept."""
        self._parts.clear()
        self._bodies.memory.give_back(self._in_memory)
        self._bodies.disk.give_back(self._on_disk)
        self._in_memory = self._on_disk = 0
        if self._file is not None:
            self._bodies.disk_threads.submit(self._file.close)
