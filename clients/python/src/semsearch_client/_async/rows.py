"""Rows of the API that something can be done with."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semsearch_client import arrays
from semsearch_client._async.jobs import AsyncJob
from semsearch_client._async.sender import AsyncSender
from semsearch_client.calls import Call, said
from semsearch_client.rows import ExperimentFacts, HitFacts, ImageFacts, JobFacts, ProjectionFacts, library


@dataclass(frozen=True, kw_only=True)
class AsyncHit(HitFacts):
    """A result of a search."""

    _sender: AsyncSender = field(repr=False, compare=False)

    async def read(self) -> bytes:
        """Return the file of the image."""
        return await self._sender.read(self.url)

    async def open(self) -> Any:
        """Return the image, opened by Pillow. Needs `pip install semsearch-client[pillow]`."""
        return library("PIL.Image", "pillow").open(io.BytesIO(await self.read()))


@dataclass(frozen=True, kw_only=True)
class AsyncImage(ImageFacts):
    """A stored image."""

    _sender: AsyncSender = field(repr=False, compare=False)

    async def read(self) -> bytes:
        """Return its file."""
        return await self._sender.read(self.url)

    async def open(self) -> Any:
        """Return it, opened by Pillow. Needs `pip install semsearch-client[pillow]`."""
        return library("PIL.Image", "pillow").open(io.BytesIO(await self.read()))

    async def embedding(self) -> NDArray[np.float32]:
        """Return its vector (d,) float32, of the configuration that answers searches of its dataset."""
        answer = await self._sender.json(Call("images_embedding", {"id": self.id}))
        return np.array(answer["vector"], dtype=np.float32)

    async def update(
        self,
        *,
        label: str | None = None,
        labels: Sequence[str] | None = None,
        external_id: str | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> AsyncImage:
        """Change what is given, and return the image as it is then.

        `metadata` is replaced as a whole; an empty `external_id` takes it away.
        """
        given = {"label": label, "labels": labels, "external_id": external_id, "metadata": metadata}
        changes = said(given) | ({"external_id": None} if external_id == "" else {})
        call = Call("images_partial_update", {"id": self.id}, json=changes)
        return AsyncImage.of(await self._sender.json(call), _sender=self._sender)

    async def delete(self) -> None:
        """Put it into the bin."""
        await self._sender.send(Call("images_destroy", {"id": self.id}))


@dataclass(frozen=True, kw_only=True)
class AsyncExperiment(ExperimentFacts):
    """An experiment."""

    _sender: AsyncSender = field(repr=False, compare=False)

    async def promote(self) -> AsyncJob:
        """Let its configuration answer the searches of its dataset, once the returned job has ended."""
        answer = await self._sender.json(Call("experiments_promote_create", {"id": self.id}))
        return AsyncJob(self._sender, JobFacts.of(answer))


@dataclass(frozen=True, kw_only=True)
class AsyncProjection(ProjectionFacts):
    """A map."""

    _sender: AsyncSender = field(repr=False, compare=False)

    async def points(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the ids (n,) of its images, ascending, and their points (n, 2)."""
        answer = await self._sender.send(Call("projections_points_retrieve", {"id": self.id}))
        return arrays.read_points(answer.content)
