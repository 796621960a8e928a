"""The ASGI application that stands before Django's WSGI application."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from django.db import DatabaseError, InterfaceError
from uvicorn._types import ASGIReceiveCallable as Receive
from uvicorn._types import ASGISendCallable as Send
from uvicorn._types import HTTPScope

from gallery.errors import DatabaseAwayError
from gallery.system import outages
from gallery.system.home import disk_space
from gallery.system.measuring import measures
from semsearch_site.web import refusals, senders
from semsearch_site.web.answers import Answer, Sender
from semsearch_site.web.bodies import Bodies, Body, ClientGoneError
from semsearch_site.web.environ import environ_of
from semsearch_site.web.limits import Limits, most_bytes, takes_archive
from semsearch_site.web.prefixes import put_scope_in_order
from semsearch_site.web.refusals import RefusedError
from semsearch_site.web.requests import REFUSED, ROUTE, Request
from semsearch_site.web.threads import Threads
from semsearch_site.web.wsgi_answers import WSGI, ask

ALIVE = Answer(
    200,
    [
        (b"content-type", b"application/json"),
        (b"content-length", b"19"),
        (b"x-content-type-options", b"nosniff"),
    ],
    b'{"status": "alive"}',
)
# Requests with a large body take so large a share of the threads at most, and wait so long for one.
LARGE_BYTES = 8 * 2**20
LARGE_SHARE = 4
LARGE_WAIT_S = 60.0
UNKNOWN = float("inf")


class Front:
    """Reads a request in full, then has it answered in a thread, then sends the answer at the client's pace.

    No thread waits for a client, and whether the process is alive is answered without one.
    """

    def __init__(self, wsgi: WSGI, limits: Limits) -> None:
        self.limits = limits
        self._wsgi = wsgi
        self._threads = Threads(limits)
        self._bodies = Bodies(limits)
        self._sender = Sender(self._bodies.disk_threads)
        self._large = asyncio.Semaphore(max(1, limits.threads // LARGE_SHARE))
        limits.folder.mkdir(parents=True, exist_ok=True)
        measures.here()  # loads what it needs: not in the event loop

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        put_scope_in_order(scope)
        request = Request(scope, self.limits.logs_requests)
        if scope["path"] == "/healthz" and scope["method"] in ("GET", "HEAD"):
            request.route = "healthz"
            request.answered(ALIVE.status)
            await self._sender.send(request.named(ALIVE), receive, send)
            return
        with suppress(ClientGoneError):
            answer, read = await self._answer(request, receive)
            if not self._bodies.disk.take(answer.spooled_bytes):
                answer.close()
                answer = self._refused(refusals.busy(), request)
            request.answered(answer.status)
            try:
                await (self._sender.send if read else self._sender.send_early)(answer, receive, send)
            finally:
                self._bodies.disk.give_back(answer.spooled_bytes)

    async def _answer(self, request: Request, receive: Receive) -> tuple[Answer, bool]:
        """Return the answer to a request, and whether its body was read. Raises: ClientGoneError."""
        scope = request.scope
        body, read = Body(self._bodies), True
        try:
            if length := _length(scope):
                read = False
                read = await self._read(scope, receive, length, body)
            request.is_there()
            return await self._answered(request, body), read
        except RefusedError as refused:
            return self._refused(refused, request), read
        finally:
            body.close()

    def _refused(self, refused: RefusedError, request: Request) -> Answer:
        """Return the answer to a request that is refused here."""
        request.route = REFUSED
        measures.here().failed("request", refused.code)
        return request.named(refused.answer(request.scope["path"]))

    async def _read(self, scope: HTTPScope, receive: Receive, length: float, body: Body) -> bool:
        """Read the body of a request, and return True; False where the application shall refuse it unread.

        Raises: RefusedError, ClientGoneError.
        """
        kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        most = most_bytes(scope["path"], kind.decode("latin-1"), self.limits)
        if most > self.limits.form_bytes and takes_archive(scope["path"]):
            body.trusted = await self._may_send_archives(scope)
            if not body.trusted and length > self.limits.form_bytes:
                return False
            if found := disk_space.shortage(0 if length == UNKNOWN else length):
                raise refusals.passing(found)
        if most < length < UNKNOWN:
            raise refusals.too_large(most)
        await self._bodies.read(receive, most, body)
        return True

    async def _may_send_archives(self, scope: HTTPScope) -> bool:
        if outages.DATABASE.on:
            raise refusals.passing(DatabaseAwayError(outages.DATABASE_AWAY))
        try:
            return await self._threads.run(senders.may_send_archives, environ_of(scope))
        except (DatabaseError, InterfaceError) as error:
            if (found := outages.passing(error)) is None:
                raise
            raise refusals.passing(found) from error

    async def _answered(self, request: Request, body: Body) -> Answer:
        """Have a request answered in a thread. Raises: RefusedError."""
        if body.size <= LARGE_BYTES:
            return await self._ask(request, body)
        try:
            async with asyncio.timeout(LARGE_WAIT_S):
                await self._large.acquire()
        except TimeoutError:
            raise refusals.busy() from None
        try:
            return await self._ask(request, body)
        finally:
            self._large.release()

    async def _ask(self, request: Request, body: Body) -> Answer:
        environ = environ_of(request.scope, await body.stream(), body.size)
        answer = await self._threads.run(ask, self._wsgi, environ, self.limits.folder)
        request.route = environ.get(ROUTE, "none")
        return answer


def _length(scope: HTTPScope) -> float:
    """Return how long the body of a request is; `UNKNOWN` where it comes in chunks."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)
        if name == b"transfer-encoding":
            return UNKNOWN
    return 0
