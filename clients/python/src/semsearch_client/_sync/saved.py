# Made of `_async` by make_sync.py: change it there.
"""Searches that are saved on the site under names."""

from __future__ import annotations

from dataclasses import dataclass, field

from semsearch_client._sync.rows import Hit
from semsearch_client._sync.sender import Sender
from semsearch_client.calls import Call
from semsearch_client.rows import Hits, SavedSearchFacts


@dataclass(frozen=True, kw_only=True)
class SavedSearch(SavedSearchFacts):
    """A saved search: a live collection of images as well."""

    _sender: Sender = field(repr=False, compare=False)

    def hits(self, *, k: int | None = None) -> Hits[Hit]:
        """Return what it finds now, the first `k`. Scores of a filter without examples are NaN."""
        call = Call("saved_searches_hits", {"id": self.id}, query={"k": k})
        answer = self._sender.json(call)
        rows = [Hit.of(values, _sender=self._sender) for values in answer["hits"]]
        return Hits(rows, Hit, {"has_next": answer["next"] is not None} | answer)

    def image_ids(self, *, dataset: str | None = None) -> list[int]:
        """Return the ids of all its images, those that came last first."""
        call = Call("saved_searches_images", {"id": self.id}, query={"dataset": dataset})
        found: list[int] = (self._sender.json(call))["images"]
        return found

    def delete(self) -> None:
        """Delete it."""
        self._sender.send(Call("saved_searches_destroy", {"id": self.id}))
