"""Which engine holds the indexes, and what every engine can do for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from django.conf import settings

from search.index.base import PublishedGeneration, VectorBatches
from search.index.build import BuildPlan, build_generation
from search.index.store import GenerationStore


class IndexBackend(Protocol):
    """Holds one published generation of every index; names are those of `SearchIndex.store_name`."""

    def current_name(self, name: str) -> str | None:
        """Return the name of the generation that serves, None before the first; cheap.

        Raises: IndexDamagedError.
        """

    def open_current(self, name: str, *, checksums: bool = True) -> PublishedGeneration | None:
        """Open the generation that serves, None before the first; `checksums` verifies all of it.

        Raises: IndexDamagedError when it is not what was published.
        """

    def build(
        self, plan: BuildPlan, read: Callable[[int], VectorBatches], report: Callable[[int], None]
    ) -> PublishedGeneration:
        """Build, verify and publish the next generation; the old one serves until then, and if that fails.

        `read` yields the vectors whose ids are above one, and may be called again; `report` is told how
        many have been read.

        Raises: IndexInputError, IndexDamagedError.
        """

    def drop(self, name: str) -> None:
        """Delete an index with all its generations; nothing happens when there is none."""


class FaissBackend:
    """FAISS files below a folder that all processes share."""

    def __init__(self, store: GenerationStore) -> None:
        self.store = store

    def current_name(self, name: str) -> str | None:
        """Return the name of the generation that serves."""
        return self.store.current_name(name)

    def open_current(self, name: str, *, checksums: bool = True) -> PublishedGeneration | None:
        """Open the generation that serves."""
        return self.store.open_current(name, checksums=checksums)

    def build(
        self, plan: BuildPlan, read: Callable[[int], VectorBatches], report: Callable[[int], None]
    ) -> PublishedGeneration:
        """Build and publish the next generation."""
        return build_generation(self.store, plan, read(0), report)

    def drop(self, name: str) -> None:
        """Delete an index."""
        self.store.drop(name)


def backend() -> IndexBackend:
    """Return the engine of the settings."""
    return FaissBackend(faiss_store())


def faiss_store() -> GenerationStore:
    """Return the store of all generations on FAISS."""
    return GenerationStore(settings.INDEX_ROOT)
