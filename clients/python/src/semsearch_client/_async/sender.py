"""Sends what `calls` describes, asks again where that is safe, and raises what `answers` finds in answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx

from semsearch_client import answers
from semsearch_client.answers import Settings
from semsearch_client.calls import Call, Operation


class AsyncSender:
    """One connection pool to one site."""

    def __init__(self, known: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._known = known
        self._http = httpx.AsyncClient(
            base_url=known.url, headers=known.headers(), timeout=known.timeout_s, transport=transport
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, call: Call) -> httpx.Response:
        """Return the answer. Raises: SemsearchError, of the class that fits."""
        return await self._sent(call.known, call.as_request())

    async def json(self, call: Call) -> Any:
        """Return what an answer says."""
        return (await self.send(call)).json()

    async def rows(self, call: Call) -> AsyncIterator[dict[str, Any]]:
        """Yield the rows of a list, page after page."""
        page = await self.json(call)
        while True:
            for row in page["results"]:
                yield row
            if not page["next"]:
                return
            # behind a proxy the address that the server sees may be another than ours
            query = dict(httpx.URL(page["next"]).params)
            request = call.as_request() | {"params": query}
            page = (await self._sent(call.known, request)).json()

    async def read(self, address: str) -> bytes:
        """Return the bytes of a file of the site. Whoever is not the site itself is sent no token."""
        base = httpx.URL(self._known.url + "/")
        url = base.join(address)
        own = (url.scheme, url.host, url.port) == (base.scheme, base.host, base.port)
        request: dict[str, Any] = {"method": "GET", "url": url}
        return (await self._sent(Operation("GET", "", reads=True), request, stranger=not own)).content

    async def _sent(
        self, operation: Operation, arguments: dict[str, Any], *, stranger: bool = False
    ) -> httpx.Response:
        attempt = 0
        while True:
            request = self._http.build_request(**arguments)
            if stranger:
                request.headers.pop("Authorization", None)
            got: httpx.Response | httpx.HTTPError
            try:
                got = await self._http.send(request)
            except httpx.TransportError as error:
                got = error
            if isinstance(got, httpx.Response) and got.is_success:
                return got
            pause = answers.pause_s(self._known, operation, attempt, got)
            if pause < 0:
                if isinstance(got, httpx.Response):
                    raise answers.error_of(got)
                raise answers.unreached(self._known, got) from got
            await asyncio.sleep(pause)
            attempt += 1
