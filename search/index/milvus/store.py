"""Generations on Milvus: collections filled aside, verified, and swapped in by switching an alias.

One index, that is one dataset under one feature spec, is an alias `<prefix>_<index>`; each of its
generations is a collection `<prefix>_<index>_g<time>` of its own. A dataset is centred on its own mean, so
vectors of two datasets or of two generations may not share a collection: two centres would rank what is
being rebuilt. What is known of a generation stands in its collection's properties.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from gallery.errors import IndexDamagedError
from search.index.base import IndexInputError, StoredVectors
from search.index.milvus.connection import MilvusServer, client, speaking
from search.index.milvus.generation import MilvusGeneration, Published
from search.index.milvus.index import ID_FIELD, SEARCH_CONSISTENCY, VECTOR_FIELD

_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
_STAMP = "%Y%m%dT%H%M%S%f"
# A collection that nothing was said of is being filled, or was when its process was killed.
BUILD_LASTS_AT_MOST = timedelta(days=1)


class MilvusStore:
    """The published generations of every index on one Milvus; any number of processes may share it.

    `stored` has every vector as it is kept for good; `prefix` sets apart installations that share a Milvus.
    """

    def __init__(
        self,
        server: MilvusServer,
        stored: StoredVectors,
        *,
        prefix: str = "semsearch",
        kind: str = "auto",
    ) -> None:
        self.server, self.stored, self.prefix, self.kind = server, stored, prefix, kind

    def ready(self) -> None:
        """Return when Milvus answers; Raises: IndexUnreachableError."""
        self.call("list_collections")

    def current_name(self, name: str) -> str | None:
        """Return the name of the generation that serves, None before the first.

        Raises: IndexDamagedError when nothing is known of it; IndexUnreachableError.
        """
        generation = self.open_current(name, checksums=False)
        return None if generation is None else generation.name

    def open_current(self, name: str, *, checksums: bool = True) -> MilvusGeneration | None:
        """Open the generation that serves, None before the first; with `checksums` its vectors are counted.

        Raises: IndexDamagedError when it is not what was published; IndexUnreachableError.
        """
        alias = self.alias(name)
        if not self.call("has_collection", alias):
            return None
        described = self.call("describe_collection", alias)
        generation = self.opened(
            described["collection_name"], Published.read(described.get("properties") or {}, alias)
        )
        if str(self.call("get_load_state", generation.collection)["state"]) != "Loaded":
            self.call("load_collection", generation.collection, timeout=None)
        if checksums:
            generation.check()
        return generation

    def opened(self, collection: str, published: Published) -> MilvusGeneration:
        """Return the generation that a collection is."""
        return MilvusGeneration(self.server, collection, published, self.stored)

    def create(self, name: str, dims: int) -> str:
        """Make an empty collection for the next generation of an index and return its name."""
        from pymilvus import DataType

        stamp = datetime.now(UTC).strftime(_STAMP)
        collection = f"{self.alias(name)}_g{stamp}_{secrets.token_hex(2)}"
        with speaking(self.server):
            schema = client(self.server).create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field(ID_FIELD, DataType.INT64, is_primary=True)
            schema.add_field(VECTOR_FIELD, DataType.FLOAT_VECTOR, dim=dims)
        self.call("create_collection", collection, schema=schema, consistency_level=SEARCH_CONSISTENCY)
        return collection

    def publish(self, name: str, collection: str, published: Published) -> MilvusGeneration:
        """Make a filled collection the generation that serves, by one switch of the alias.

        Raises: IndexDamagedError when the index was dropped meanwhile; IndexUnreachableError.
        """
        alias = self.alias(name)
        if not self.call("has_collection", collection):
            raise IndexDamagedError(
                f"Index {name} was dropped while it was being built; nothing was published."
            )
        self.call("alter_collection_properties", collection, properties=published.properties())
        switch = "alter_alias" if self.call("has_collection", alias) else "create_alias"
        self.call(switch, collection, alias)
        return self.opened(collection, published)

    def sweep(self, name: str) -> int:
        """Drop the generations that serve no more and what crashed builds left; return how many.

        Call it before a build: what searches began with at the last switch has been answered by then.
        """
        alias = self.alias(name)
        current = None
        if self.call("has_collection", alias):
            current = self.call("describe_collection", alias)["collection_name"]
        doomed = [
            collection
            for collection in self._collections(name)
            if collection != current and not self._is_being_built(collection)
        ]
        for collection in doomed:
            self.call("drop_collection", collection)
        return len(doomed)

    def drop(self, name: str) -> None:
        """Delete an index with all its generations; nothing happens when there is none."""
        alias = self.alias(name)
        if self.call("has_collection", alias):
            self.call("drop_alias", alias)
        for collection in self._collections(name):
            self.call("drop_collection", collection)

    def discard(self, collection: str) -> None:
        """Drop a collection that will not be published."""
        self.call("drop_collection", collection)

    def alias(self, name: str) -> str:
        """Return the alias of an index."""
        if not _NAME.fullmatch(name):
            raise IndexInputError(f"{name!r} is no index name: use letters, digits, dash and underscore.")
        return f"{self.prefix}_{name.replace('-', '_')}"

    def call(self, verb: str, *arguments: Any, **named: Any) -> Any:
        """Return the answer of Milvus' client; Raises: IndexDamagedError, IndexUnreachableError."""
        call: Callable[..., Any] = getattr(client(self.server), verb)
        with speaking(self.server):
            return call(*arguments, **({"timeout": self.server.timeout_s} | named))

    def _collections(self, name: str) -> list[str]:
        beginning = f"{self.alias(name)}_g"
        return sorted(found for found in self.call("list_collections") if found.startswith(beginning))

    def _is_being_built(self, collection: str) -> bool:
        described = self.call("describe_collection", collection)
        if Published.stands_in(described.get("properties") or {}):
            return False
        stamp = collection.rsplit("_g", 1)[1].split("_")[0]
        begun = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
        return datetime.now(UTC) - begun < BUILD_LASTS_AT_MOST
