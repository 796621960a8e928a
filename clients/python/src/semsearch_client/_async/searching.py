"""Asks searches: one with whatever there is, or many together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from semsearch_client import answers
from semsearch_client._async.rows import AsyncHit
from semsearch_client._async.sender import AsyncSender
from semsearch_client.batches import batches
from semsearch_client.calls import Call, said
from semsearch_client.documents import DOCUMENT_ONLY, Box, Example, document
from semsearch_client.images import ImageLike, Query, as_query
from semsearch_client.rows import Hits


class AsyncSearching:
    """The searches of a site, everywhere or in one dataset."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def search(
        self,
        image: ImageLike | None,
        *,
        box: Box | None = None,
        like: Iterable[Example] = (),
        unlike: Iterable[Example] = (),
        **asked: Any,
    ) -> Hits[AsyncHit]:
        """Return what is found; `asked` holds the other arguments of `Client.search`."""
        examples, against = list(like), list(unlike)
        if image is None or box is not None or examples or against or any(map(asked.get, DOCUMENT_ONLY)):
            first = [] if image is None else [await self._example(image, box)]
            liked = first + [await self._example(one) for one in examples]
            call = Call("search", json=document(liked, [await self._example(one) for one in against], asked))
            return self._hits(await self._sender.json(call))
        return await self._search_plainly(as_query(image), asked)

    async def _search_plainly(self, query: Query, asked: Mapping[str, Any]) -> Hits[AsyncHit]:
        """Search with one whole image, whose file comes with the question."""
        where = {name: value for name, value in asked.items() if name not in DOCUMENT_ONLY}
        if query.file is None:
            call = Call("search", json=said(query.as_values() | where))
        else:
            file = (query.file.name, query.file.content)
            call = Call("search", form=where, files={"file": file})
        return self._hits(await self._sender.json(call))

    async def _example(self, image: Example, box: Box | None = None) -> dict[str, object]:
        """Return an image as an example; a file is sent first, and kept for some hours."""
        if isinstance(image, Mapping):
            return dict(image)
        query = as_query(image)
        example = query.as_values()
        if query.file is not None:
            file = (query.file.name, query.file.content)
            kept = await self._sender.json(Call("uploads_create", files={"file": file}))
            example = {"upload": kept["upload"]}
        return example if box is None else example | {"box": [float(share) for share in box]}

    async def search_many(self, images: Iterable[ImageLike], **where: Any) -> list[Hits[AsyncHit]]:
        """Return what each finds, in their order; those that are not files are asked many in a request."""
        queries = [as_query(image) for image in images]
        together = [said(query.as_values() | where) for query in queries if query.file is None]
        found = [hits for batch in batches(together) for hits in await self._batch(batch)]
        answered = iter(found)
        return [
            next(answered) if query.file is None else await self._search_plainly(query, where)
            for query in queries
        ]

    async def _batch(self, queries: list[Mapping[str, Any]]) -> list[Hits[AsyncHit]]:
        answer = await self._sender.json(Call("search_batch", json={"queries": queries}))
        for one in answer["answers"]:
            if "error" in one:
                raise answers.error_in_place(one["error"])
        return [self._hits(one) for one in answer["answers"]]

    def _hits(self, answer: Mapping[str, Any]) -> Hits[AsyncHit]:
        rows = [AsyncHit.of(values, _sender=self._sender) for values in answer["hits"]]
        return Hits(rows, AsyncHit, answer)
