"""Bodies of requests, read in full before a thread sees them: in memory, or in files, and all bounded."""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, TypeVar, cast

from uvicorn._types import ASGIReceiveCallable as Receive

from gallery.system import outages
from gallery.system.home import disk_space
from semsearch_site.web import refusals
from semsearch_site.web.limits import Limits

# so much of one body is in memory; where more comes, all goes to its file
MOST_IN_MEMORY_BYTES = 2 * 2**20
DISK_THREADS = 4

T = TypeVar("T")


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
        now = asyncio.get_running_loop().time
        waited_s = 0.0  # for the client alone: a slow disk is not its fault
        try:
            while True:
                began = now()
                may_take_s = self.limits.grace_s + body.size / self.limits.rate_bytes_s
                async with asyncio.timeout(may_take_s - waited_s):
                    message = await receive()
                waited_s += now() - began
                if message["type"] != "http.request":
                    raise ClientGoneError
                if data := message.get("body", b""):
                    if body.size + len(data) > most_bytes:
                        raise refusals.too_large(most_bytes)
                    await body.add(data)
                if not message.get("more_body"):
                    return
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
        # on a full disk there is room for nothing: then a picture to search with may be larger, too
        fits = self._in_memory + len(data) <= MOST_IN_MEMORY_BYTES or disk_space.is_low()
        if fits and self._bodies.memory.take(len(data)):
            self._in_memory += len(data)
            self._parts.append(data)
        else:
            await self._write(data)

    async def stream(self) -> BinaryIO:
        """Return what was kept, to be read from its beginning, once. Raises: RefusedError."""
        if self._file is None:
            whole = b"".join(self._parts)
            self._parts.clear()
            return io.BytesIO(whole)
        await self._write(b"")
        await self._in_disk_thread(self._file.seek, 0)
        return self._file

    async def _write(self, last: bytes) -> None:
        """Move to the disk what is in memory, and some more."""
        size = self._in_memory + len(last)
        if last and (found := disk_space.shortage()):
            raise refusals.passing(found)
        if not self.trusted:
            if not self._bodies.disk.take(size):
                raise refusals.busy()
            self._on_disk += size
        if self._file is None:
            self._file = await self._in_disk_thread(self._opened)
        await self._in_disk_thread(self._file.writelines, [*self._parts, last])
        self._parts.clear()
        self._bodies.memory.give_back(self._in_memory)
        self._in_memory = 0

    async def _in_disk_thread(self, function: Callable[..., T], *args: Any) -> T:
        run = asyncio.get_running_loop().run_in_executor
        try:
            return await run(self._bodies.disk_threads, function, *args)
        except OSError as error:
            found = outages.passing(error)
            raise (refusals.passing(found) if found else refusals.busy()) from error

    def _opened(self) -> BinaryIO:
        folder = self._bodies.limits.folder
        folder.mkdir(parents=True, exist_ok=True)
        return cast(BinaryIO, tempfile.TemporaryFile(dir=folder))

    def close(self) -> None:
        """Forget what was kept."""
        self._parts.clear()
        self._bodies.memory.give_back(self._in_memory)
        self._bodies.disk.give_back(self._on_disk)
        self._in_memory = self._on_disk = 0
        if self._file is not None:
            self._bodies.disk_threads.submit(self._file.close)
