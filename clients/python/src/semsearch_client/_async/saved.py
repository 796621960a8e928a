"""Searches that are saved on the site under names."""

from __future__ import annotations

from dataclasses import dataclass, field

from semsearch_client._async.rows import AsyncHit
from semsearch_client._async.sender import AsyncSender
from semsearch_client.calls import Call
from semsearch_client.rows import Hits, SavedSearchFacts


@dataclass(frozen=True, kw_only=True)
class AsyncSavedSearch(SavedSearchFacts):
    """A saved search: a live collection of images as well."""

    _sender: AsyncSender = field(repr=False, compare=False)

    async def hits(self, *, k: int | None = None) -> Hits[AsyncHit]:
        """Return what it finds now, the first `k`. Scores of a filter without examples are NaN."""
        call = Call("saved_searches_hits", {"id": self.id}, query={"k": k})
        answer = await self._sender.json(call)
        rows = [AsyncHit.of(values, _sender=self._sender) for values in answer["hits"]]
        return Hits(rows, AsyncHit, {"has_next": answer["next"] is not None} | answer)

    async def image_ids(self, *, dataset: str | None = None) -> list[int]:
        """Return the ids of all its images, those that came last first."""
        call = Call("saved_searches_images", {"id": self.id}, query={"dataset": dataset})
        found: list[int] = (await self._sender.json(call))["images"]
        return found

    async def delete(self) -> None:
        """Delete it."""
        await self._sender.send(Call("saved_searches_destroy", {"id": self.id}))
