# Made of `_async` by make_sync.py: change it there.
"""The client of a site."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType

import httpx

from semsearch_client import answers
from semsearch_client._sync.dataset import Dataset
from semsearch_client._sync.jobs import Job
from semsearch_client._sync.rows import Hit, Image
from semsearch_client._sync.saved import SavedSearch
from semsearch_client._sync.searching import Searching
from semsearch_client._sync.sender import Sender
from semsearch_client.calls import Call
from semsearch_client.documents import Box, Cutoff, Example, Where
from semsearch_client.images import ImageLike
from semsearch_client.rows import DatasetFacts, Hits, JobFacts, Model, Rows


class Client:
    """A site of semsearch.

    >>> client = Client()  # of SEMSEARCH_URL and SEMSEARCH_TOKEN
    >>> hits = client.search("new.png", k=3)
    >>> hits.ids.shape, hits.scores.dtype
    ((3,), dtype('float32'))
    >>> [hit.rank for hit in hits]
    [1, 2, 3]
    >>> client.search(10**9)
    Traceback (most recent call last):
    semsearch_client.errors.NotFound: There is no image 1000000000; it may have been deleted. (not_found, 404)
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        timeout_s: float = 60.0,
        retries: int = 4,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Know a site by its address; nothing is asked yet.

        `url` and `token` are otherwise those of SEMSEARCH_URL and SEMSEARCH_TOKEN, or a site on this machine.
        What reads is asked up to `retries` times again where the connection failed or the server was away,
        and everything where the server said that it may be (429 and 503 with Retry-After).
        """
        known = answers.settings(url, token, timeout_s, retries)
        self.url = known.url
        self._sender = Sender(known, transport)
        self._searching = Searching(self._sender)

    def __repr__(self) -> str:
        return f"<semsearch at {self.url}>"

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()

    def dataset(self, slug: str) -> Dataset:
        """Return a dataset by its slug; whether there is one, the first thing done with it tells."""
        return Dataset(self._sender, slug)

    def datasets(self) -> Rows[DatasetFacts]:
        """Return what datasets there are, the newest first."""
        found = self._sender.rows(Call("datasets_list", query={"page_size": 500}))
        return Rows([DatasetFacts.of(row) for row in found], DatasetFacts)

    def create_dataset(self, slug: str, name: str | None = None) -> Dataset:
        """Make an empty dataset. Raises: Refused where there is one of this slug."""
        self._sender.send(Call("datasets_create", json={"slug": slug, "name": name or slug}))
        return self.dataset(slug)

    def search(
        self,
        image: ImageLike | None = None,
        *,
        dataset: str | None = None,
        label: str | None = None,
        k: int = 20,
        page: int = 1,
        index: int | None = None,
        box: Box | None = None,
        like: Iterable[Example] = (),
        unlike: Iterable[Example] = (),
        words: str | Iterable[str] = (),
        text: str = "",
        where: Where | None = None,
        cutoff: Cutoff | None = None,
        fold: str | None = None,
    ) -> Hits[Hit]:
        """Find images like this one, in all datasets or one.

        `image` is a path, bytes, an open file, an image of Pillow, an array (h, w, 3) uint8, an address, the
        id of a stored image, a hit, or a vector (d,) of floats. `label` finds only images with it; `index`
        asks an index by its number instead of the live ones. With a `box` (x0, y0, x1, y1: shares of the
        sides of the upright image) only that part of the image is searched with.

        `like` are more images that results shall be like, `unlike` those that they shall not; `words` are
        looked for in labels, names, metadata and what a classifier sees; a `text` stands alone and is
        answered where a model that reads text is live; `where` filters, as people type it
        (`"label:wren width>=640"`) or as the API takes it. Hits below a `cutoff` are counted in
        `below_cutoff`: 0.5 is a probability, `{"mode": "percentile", "at": 0.99}` a share of random pairs.
        `fold` ("identical" or "near") lets one hit stand for its copies. Without an image, `like` and
        `words` the images that the filter finds are listed, the newest first.
        """
        return self._searching.search(
            image,
            box=box,
            like=like,
            unlike=unlike,
            dataset=dataset,
            label=label,
            k=k,
            page=page,
            index=index,
            words=words,
            text=text,
            where=where,
            cutoff=cutoff,
            fold=fold,
        )

    def search_many(
        self,
        images: Iterable[ImageLike],
        *,
        dataset: str | None = None,
        label: str | None = None,
        k: int = 20,
        index: int | None = None,
    ) -> list[Hits[Hit]]:
        """Find images like each of these, in their order; 50 that are not files are asked in one request.

        Raises: as the first of them that has no answer.
        """
        return self._searching.search_many(images, dataset=dataset, label=label, k=k, index=index)

    def saved_searches(self) -> list[SavedSearch]:
        """Return your own saved searches and those that others share, the newest first."""
        found = self._sender.rows(Call("saved_searches_list", query={"page_size": 500}))
        return [SavedSearch.of(row, _sender=self._sender) for row in found]

    def save_search(
        self, name: str, document: Mapping[str, object], *, shared: bool = False
    ) -> SavedSearch:
        """Save a query document under a name. Raises: Refused where you have one of this name."""
        body = {"name": name, "document": dict(document), "shared": shared}
        answer = self._sender.json(Call("saved_searches_create", json=body))
        return SavedSearch.of(answer, _sender=self._sender)

    def image(self, number: int) -> Image:
        """Return a stored image by its id. Raises: NotFound."""
        return Image.of(
            self._sender.json(Call("images_retrieve", {"id": number})), _sender=self._sender
        )

    def models(self) -> Rows[Model]:
        """Return the networks, their layers, and whether they can be used."""
        found = self._sender.json(Call("models_list"))
        return Rows([Model.of(row) for row in found], Model)

    def job(self, number: int) -> Job:
        """Return a job by its number. Raises: NotFound."""
        answer = self._sender.json(Call("jobs_retrieve", {"id": number}))
        return Job(self._sender, JobFacts.of(answer))

    def jobs(self, *, dataset: str | None = None, state: str | None = None) -> list[Job]:
        """Return jobs, the newest first; `state` is queued, running, succeeded, failed or cancelled."""
        wanted = {"dataset": dataset, "state": state, "page_size": 500}
        found = self._sender.rows(Call("jobs_list", query=wanted))
        return [Job(self._sender, JobFacts.of(row)) for row in found]
