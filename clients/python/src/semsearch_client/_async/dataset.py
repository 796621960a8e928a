"""A dataset of a site, and all that can be done with it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from semsearch_client import arrays
from semsearch_client._async.jobs import AsyncJob
from semsearch_client._async.rows import AsyncExperiment, AsyncHit, AsyncImage, AsyncProjection
from semsearch_client._async.searching import AsyncSearching
from semsearch_client._async.sender import AsyncSender
from semsearch_client.archives import Archive, OnProgress
from semsearch_client.calls import Call, said
from semsearch_client.documents import Box, Cutoff, Example, Where
from semsearch_client.errors import Unavailable
from semsearch_client.images import ImageLike, as_file
from semsearch_client.rows import DatasetFacts, Hits, JobFacts, Rows

TRIES = 5  # of two files that have to be of one moment


class AsyncDataset:
    """A dataset by its slug; nothing is asked before something is done with it.

    >>> mine = AsyncClient().dataset("mine")
    >>> (await mine.info()).images
    16
    >>> ids, vectors = await mine.embeddings(dtype="float32")
    >>> vectors.shape
    (16, 512)
    >>> found, scores = await mine.search_vectors(vectors[:2], k=3)
    >>> found[:, 0].tolist() == ids[:2].tolist(), scores.shape
    (True, (2, 3))
    """

    def __init__(self, sender: AsyncSender, slug: str) -> None:
        self._sender = sender
        self._searching = AsyncSearching(sender)
        self.slug = slug

    def __repr__(self) -> str:
        return f"<dataset {self.slug}>"

    async def info(self) -> DatasetFacts:
        """Return its name and how many images it has. Raises: NotFound."""
        return DatasetFacts.of(await self._sender.json(self._call("datasets_retrieve")))

    async def delete(self) -> None:
        """Put it into the bin."""
        await self._sender.send(self._call("datasets_destroy"))

    async def wait(self, timeout_s: float | None = None) -> None:
        """Wait until no job of it is left: what was added one by one is found, experiments are there.

        Raises: as `Job.wait`, of the first that failed.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while waiting := [job async for job in self._waiting()]:
            for job in waiting:
                await job.wait(None if until is None else until - time.monotonic())

    # --- images -------------------------------------------------------------------------------

    async def add(
        self,
        source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        labels: str = "nearest",
        on_progress: OnProgress | None = None,
    ) -> AsyncJob:
        """Send a folder, an archive, an image or a list of image files; returns the job that imports it.

        The names of the folders are the labels; `labels` says which folder, nearest or top. `on_progress` is
        called with a `Progress` while bytes are sent, and by `job.wait()`.
        """
        with Archive(source, on_progress) as archive:
            call = self._call(
                "datasets_upload_create", form={"labels": labels}, files={"file": (archive.name, archive)}
            )
            answer = await self._sender.json(call)
        return AsyncJob(self._sender, JobFacts.of(answer), on_progress)

    async def add_image(
        self,
        image: ImageLike,
        *,
        label: str = "",
        external_id: str | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> AsyncImage:
        """Add one image and return it; searches find it some seconds later, at the latest after `wait()`.

        Raises:
            Refused: the dataset has it already, or one of this `external_id`; `error.image` is that one.
        """
        file = as_file(image)
        form = {
            "dataset": self.slug,
            "label": label,
            "external_id": external_id,
            "metadata": None if metadata is None else json.dumps(metadata),
        }
        call = Call("images_create", form=form, files={"file": (file.name, file.content)})
        answer = await self._sender.json(call)
        return AsyncImage.of(answer["image"], _sender=self._sender)

    async def images(
        self,
        *,
        label: str | None = None,
        external_id: str | None = None,
        filename: str | None = None,
        sha256: str | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> AsyncIterator[AsyncImage]:
        """Go through its images in the order of arrival, those that have all that is asked for."""
        wanted = {
            "dataset": self.slug,
            "label": label,
            "external_id": external_id,
            "filename": filename,
            "sha256": sha256,
            "metadata": None if metadata is None else json.dumps(metadata),
            "page_size": 500,
        }
        async for row in self._sender.rows(Call("images_list", query=wanted)):
            yield AsyncImage.of(row, _sender=self._sender)

    # --- searches -----------------------------------------------------------------------------

    async def search(
        self,
        image: ImageLike | None = None,
        *,
        k: int = 20,
        label: str | None = None,
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
    ) -> Hits[AsyncHit]:
        """Find its images like this one; see `Client.search`."""
        return await self._searching.search(
            image,
            box=box,
            like=like,
            unlike=unlike,
            dataset=self.slug,
            k=k,
            label=label,
            page=page,
            index=index,
            words=words,
            text=text,
            where=where,
            cutoff=cutoff,
            fold=fold,
        )

    async def search_many(
        self, images: Iterable[ImageLike], *, k: int = 20, label: str | None = None, index: int | None = None
    ) -> list[Hits[AsyncHit]]:
        """Find its images like each of these; see `Client.search_many`."""
        return await self._searching.search_many(images, dataset=self.slug, k=k, label=label, index=index)

    async def search_vectors(
        self, vectors: NDArray[Any], *, k: int = 10, index: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the nearest images of vectors (q, d) as ids (q, k) int64 and scores (q, k) float32.

        Where there are fewer than k, ids are -1 and scores -inf.
        """
        rows = np.atleast_2d(vectors)
        found = await self._searching.search_many(rows, dataset=self.slug, k=k, index=index)
        return arrays.padded([hits.ids for hits in found], [hits.scores for hits in found], k)

    # --- vectors ------------------------------------------------------------------------------

    async def embeddings(self, *, dtype: DTypeLike = np.float16) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Return the ids (n,) int64 and vectors (n, d) of its images, of the configuration that is searched.

        They are as the network gave them: not centred, not of unit length. Where searches are tuned to
        categories, they are tuned ones.
        """
        for _ in range(TRIES):
            ids = await self._sender.send(self._call("datasets_embeddings_ids"))
            vectors = await self._sender.send(self._call("datasets_embeddings"))
            # what changes between the two makes another tag
            if ids.headers.get("ETag") == vectors.headers.get("ETag"):
                return arrays.read_vectors(ids.content, vectors.content, dtype)
        raise Unavailable(f"{self.slug} changes all the time: wait for its jobs to end.", code="changing")

    async def add_embeddings(
        self, name: str, ids: NDArray[np.integer[Any]], vectors: NDArray[Any]
    ) -> tuple[int, AsyncJob]:
        """Store vectors (n, d) of images (n,) that were made elsewhere, under a name.

        Returns the number that `search(…, index=number)` takes, and the job that builds the index.
        """
        files = {
            "file": ("vectors.npy", arrays.as_npy(np.asarray(vectors))),
            "ids": ("ids.npy", arrays.as_npy(np.asarray(ids, dtype=np.int64))),
        }
        call = self._call("datasets_embeddings_create", form={"name": name}, files=files)
        answer = await self._sender.json(call)
        return int(answer["index"]), AsyncJob(self._sender, JobFacts.of(answer["job"]))

    # --- labels -------------------------------------------------------------------------------

    async def tune(self) -> AsyncJob:
        """Learn from its labels what tells its categories apart, and measure what that gains.

        Searches are answered as before. Where it gains beyond noise, `experiments()` has the tuned
        configuration once the job has ended, and `promote` lets it answer.
        """
        answer = await self._sender.json(self._call("datasets_tune"))
        return AsyncJob(self._sender, JobFacts.of(answer))

    async def tuning(self) -> dict[str, Any]:
        """Return what was measured last under `learned`, None before; `live` says whether searches use it.

        `learned` has `offered`, `weighted_precision` and `weighted_precision_before` in percent, of images
        that were not learned from, the `curve` by labels a category, and `ten_more`, the points that ten
        more labels a category would bring at most.
        """
        answer: dict[str, Any] = await self._sender.json(self._call("datasets_tuning"))
        return answer

    # --- experiments and maps -----------------------------------------------------------------

    async def experiments(
        self,
        *,
        model: str | None = None,
        layer: str | None = None,
        pooling: str | None = None,
        metric: str | None = None,
    ) -> Rows[AsyncExperiment]:
        """Return how well configurations find its images, the best weighted precision first."""
        wanted = {"dataset": self.slug, "model": model, "layer": layer, "pooling": pooling, "metric": metric}
        found = self._sender.rows(Call("experiments_list", query=wanted | {"page_size": 500}))
        rows = [AsyncExperiment.of(row, _sender=self._sender) async for row in found]
        return Rows(sorted(rows, key=_best_first), AsyncExperiment)

    async def run_experiments(
        self,
        *,
        models: Sequence[str] | None = None,
        poolings: Sequence[str] | None = None,
        metrics: Sequence[str] | None = None,
    ) -> list[AsyncJob]:
        """Compute what is missing of these experiments; what is not said is the default.

        Returns the jobs, one a network; none where there is nothing to compute.
        """
        wanted = {"dataset": self.slug, "models": models, "poolings": poolings, "metrics": metrics}
        return await self._jobs(Call("experiments_create", json=said(wanted)))

    async def promote(self, experiment: AsyncExperiment | int) -> AsyncJob:
        """Let an experiment's configuration answer searches, once the job that is returned has ended."""
        number = experiment if isinstance(experiment, int) else experiment.id
        answer = await self._sender.json(Call("experiments_promote_create", {"id": number}))
        return AsyncJob(self._sender, JobFacts.of(answer))

    async def projections(
        self, *, model: str | None = None, layer: str | None = None, method: str | None = None
    ) -> Rows[AsyncProjection]:
        """Return its maps, the latest first."""
        wanted = {"dataset": self.slug, "model": model, "layer": layer, "method": method, "page_size": 500}
        found = self._sender.rows(Call("projections_list", query=wanted))
        return Rows([AsyncProjection.of(row, _sender=self._sender) async for row in found], AsyncProjection)

    async def project(
        self,
        method: str = "umap",
        *,
        models: Sequence[str] | None = None,
        pooling: str | None = None,
        **parameters: float | str,
    ) -> list[AsyncJob]:
        """Make what is missing of its maps: `method` is umap, tsne or pca.

        `parameters` are metric, neighbours, min_dist, perplexity, seed and afresh, those of the method.
        """
        wanted = {"dataset": self.slug, "method": method, "models": models, "pooling": pooling}
        return await self._jobs(Call("projections_create", json=said(wanted) | {"parameters": parameters}))

    async def _waiting(self) -> AsyncIterator[AsyncJob]:
        # in this order: what begins between the two requests is in both, and not in neither
        for state in ("queued", "running"):
            wanted = {"dataset": self.slug, "state": state, "page_size": 500}
            async for row in self._sender.rows(Call("jobs_list", query=wanted)):
                yield AsyncJob(self._sender, JobFacts.of(row))

    def _call(self, operation: str, **more: Any) -> Call:
        return Call(operation, {"slug": self.slug}, **more)

    async def _jobs(self, call: Call) -> list[AsyncJob]:
        answer = await self._sender.json(call)
        return [AsyncJob(self._sender, JobFacts.of(values)) for values in answer["jobs"]]


def _best_first(experiment: AsyncExperiment) -> float:
    score = experiment.weighted_precision
    return float("inf") if score is None else -score
