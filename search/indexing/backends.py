"""Which engine holds the indexes, and what every engine can do for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from django.conf import settings

from gallery.errors import IndexDamagedError
from search.index.base import PublishedGeneration, VectorBatches
from search.index.faiss.build import BuildPlan, build_generation
from search.index.faiss.generation import Generation
from search.index.faiss.index import EXACT_UP_TO
from search.index.faiss.store import GenerationStore
from search.indexing.database_vectors import DatabaseVectors
from search.types import Ids

# what is of one engine is loaded where that is the one
if TYPE_CHECKING:
    from search.index.milvus.store import MilvusStore


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

    def take_in(
        self, name: str, read: Callable[[int], VectorBatches], removed: Ids
    ) -> PublishedGeneration | None:
        """Bring the generation that serves up to date and return it; None where that takes a new one.

        `read` is that of `build`; `removed` are ids (n,) that are gone.

        Raises: IndexDamagedError.
        """

    def compacts_after(self, held: int, least: int) -> int:
        """Return how many changes are worth a compaction of an index that holds `held` vectors."""

    def damage(self, name: str) -> IndexDamagedError | None:
        """Return what is known to be wrong with the generation that serves, None for nothing; cheap."""

    def open_older(self, name: str, held: PublishedGeneration | None) -> PublishedGeneration | None:
        """Open the newest whole generation before the one that serves, which is damaged; None without one.

        It is `held` itself where that is the one.
        """

    def drop(self, name: str) -> None:
        """Delete an index with all its generations; nothing happens when there is none."""

    def ready(self) -> None:
        """Return when the engine can be asked; Raises: SemsearchError with what is wrong."""


class FaissBackend:
    """FAISS files below a folder that all processes share."""

    def __init__(self, store: GenerationStore) -> None:
        self.store = store

    def current_name(self, name: str) -> str | None:
        return self.store.current_name(name)

    def open_current(self, name: str, *, checksums: bool = True) -> PublishedGeneration | None:
        return self.store.open_current(name, checksums=checksums)

    def build(
        self, plan: BuildPlan, read: Callable[[int], VectorBatches], report: Callable[[int], None]
    ) -> PublishedGeneration:
        return build_generation(self.store, plan, read(0), report)

    def take_in(
        self, name: str, read: Callable[[int], VectorBatches], removed: Ids
    ) -> PublishedGeneration | None:
        return None  # published files stay as they are

    def compacts_after(self, held: int, least: int) -> int:
        return max(least, held // 50)  # all of it is built anew

    def damage(self, name: str) -> IndexDamagedError | None:
        return self.store.damage(name)

    def open_older(self, name: str, held: PublishedGeneration | None) -> PublishedGeneration | None:
        return self.store.open_older(name, held if isinstance(held, Generation) else None)

    def drop(self, name: str) -> None:
        self.store.drop(name)

    def ready(self) -> None:
        """Do nothing: there is no server to ask."""


class MilvusBackend:
    """Collections of a Milvus; the vectors to re-rank with are read from the database."""

    # An index that has grown so far beyond what its centre and lists were made for is built anew.
    GROWS_TO = 2

    def __init__(self, store: MilvusStore) -> None:
        self.store = store

    def current_name(self, name: str) -> str | None:
        return self.store.current_name(name)

    def open_current(self, name: str, *, checksums: bool = True) -> PublishedGeneration | None:
        return self.store.open_current(name, checksums=checksums)

    def build(
        self, plan: BuildPlan, read: Callable[[int], VectorBatches], report: Callable[[int], None]
    ) -> PublishedGeneration:
        from search.index.milvus import build as milvus_build

        return milvus_build.build(self.store, plan, read, report)

    def take_in(
        self, name: str, read: Callable[[int], VectorBatches], removed: Ids
    ) -> PublishedGeneration | None:
        """Write what is newer into the collection that serves, and take out what is gone."""
        generation = self.store.open_current(name, checksums=False)
        if generation is None:
            return None
        changed = generation.applied(read(generation.last_id), removed)
        outgrown = changed.count > self.GROWS_TO * max(changed.manifest.built_count, EXACT_UP_TO // 10)
        # what was replaced by the last build has been let go by every search since
        self.store.sweep(name)
        return None if outgrown else changed

    def compacts_after(self, held: int, least: int) -> int:
        return least  # only what changed is written

    def damage(self, name: str) -> IndexDamagedError | None:
        return None  # its collections are the server's to look after

    def open_older(self, name: str, held: PublishedGeneration | None) -> PublishedGeneration | None:
        return None

    def drop(self, name: str) -> None:
        self.store.drop(name)

    def ready(self) -> None:
        self.store.ready()


def backend() -> IndexBackend:
    """Return the engine of the settings."""
    if settings.INDEX_BACKEND == "milvus":
        return MilvusBackend(milvus_store())
    return FaissBackend(faiss_store())


def milvus_store() -> MilvusStore:
    """Return the store of all generations on Milvus."""
    from search.index.milvus.connection import MilvusServer
    from search.index.milvus.store import MilvusStore

    server = MilvusServer(settings.MILVUS_URI, settings.MILVUS_TOKEN, settings.MILVUS_TIMEOUT_S)
    return MilvusStore(server, DatabaseVectors(), prefix=settings.MILVUS_PREFIX, kind=settings.MILVUS_INDEX)


def faiss_store() -> GenerationStore:
    """Return the store of all generations on FAISS."""
    return GenerationStore(settings.INDEX_ROOT)
