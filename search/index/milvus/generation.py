"""One published generation on Milvus: what is known of it, its search, and how it takes in changes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from gallery.errors import IndexDamagedError, NotFoundError
from search.index.base import IndexStats, SearchResult, StoredVectors, checked_ids, normalise
from search.index.faiss.generation import FIRST_BLOCK, NEXT_BLOCK
from search.index.faiss.index import SearchEffort
from search.index.milvus.connection import MilvusServer, client, speaking
from search.index.milvus.index import (
    CHECK_CONSISTENCY,
    ID_FIELD,
    KINDS,
    LOOKED_UP_IDS,
    MOST_HITS,
    SCAN_UP_TO,
    Collection,
    MilvusIndex,
)
from search.types import GenerationFacts, Ids, Vectors

FORMAT = 1
MANIFEST_PROPERTY = "semsearch.manifest"
CENTRE_PROPERTY, SAMPLE_PROPERTY = "semsearch.centre", "semsearch.sample"


@dataclass(frozen=True)
class Published:
    """What a generation is and what was measured before it was published; properties of its collection.

    `version` grows with every change after that, and with it `count` and `last_id`, the highest id, but not
    `built_count`; `changing` says that one has begun. `sample` are ids (m,) drawn evenly when it was
    built. `recall_at_10` is against exact search, the query itself left out.
    """

    spec: Mapping[str, object]
    metric: str
    factory: str
    kind: str
    count: int
    built_count: int
    last_id: int
    dims: int
    versions: dict[str, str]
    recall_at_10: float
    bytes_per_vector: float
    latency_ms_p50: float
    effort_lists: int
    effort_candidates: int
    build_seconds: float
    built_at: str
    centre: NDArray[np.float32]
    sample: Ids
    version: int = 0
    changing: bool = False
    format: int = FORMAT

    def as_facts(self) -> GenerationFacts:
        """Return plain values for JSON, without centre and sample; a test compares the names."""
        values = asdict(self)
        del values["centre"], values["sample"]
        return cast(GenerationFacts, values)

    def properties(self) -> dict[str, str]:
        """Return it as properties of a collection."""
        return {
            MANIFEST_PROPERTY: json.dumps(self.as_facts(), sort_keys=True),
            CENTRE_PROPERTY: _as_text(self.centre.astype("<f4")),
            SAMPLE_PROPERTY: _as_text(self.sample.astype("<i8")),
        }

    @staticmethod
    def stands_in(properties: Mapping[str, str]) -> bool:
        """Whether the properties of a collection say that it was published."""
        return MANIFEST_PROPERTY in properties

    @classmethod
    def read(cls, properties: Mapping[str, str], name: str) -> Published:
        """Return what the properties of a collection say.

        Raises: IndexDamagedError when they do not say it.
        """
        try:
            centre = np.frombuffer(base64.b64decode(properties[CENTRE_PROPERTY]), dtype="<f4")
            sample = np.frombuffer(base64.b64decode(properties[SAMPLE_PROPERTY]), dtype="<i8")
            published = cls(centre=centre, sample=sample, **json.loads(properties[MANIFEST_PROPERTY]))
        except (KeyError, ValueError, TypeError) as error:
            raise IndexDamagedError(
                f"Index {name} on Milvus does not say what it is. Run rebuild_index."
            ) from error
        if published.format != FORMAT or len(centre) != published.dims or published.kind not in KINDS:
            raise IndexDamagedError(f"Index {name} on Milvus is of another version. Run rebuild_index.")
        return published


def _as_text(values: NDArray[Any]) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")


class MilvusGeneration:
    """A readable generation; any number of threads may search it.

    Unlike files, its collection takes in changes while it serves: `applied` returns the generation after
    them, and whoever holds this one must leave out what it knows to be newer or gone.
    """

    def __init__(
        self, server: MilvusServer, collection: str, manifest: Published, stored: StoredVectors
    ) -> None:
        self.server, self.collection, self.manifest, self._stored = server, collection, manifest, stored
        self.index = MilvusIndex(
            Collection(server, collection, manifest.dims, KINDS[manifest.kind]),
            stored,
            manifest.centre,
            count=manifest.count,
            effort=SearchEffort(manifest.effort_lists, manifest.effort_candidates),
        )

    @property
    def name(self) -> str:
        """The generation's name with its version."""
        return f"{self.collection}.{self.manifest.version}"

    def is_there(self) -> bool:
        return True  # nothing of it is mapped here

    @property
    def count(self) -> int:
        return self.manifest.count

    @property
    def dims(self) -> int:
        return self.manifest.dims

    @property
    def centre(self) -> NDArray[np.float32]:
        return self.manifest.centre

    @property
    def last_id(self) -> int:
        """The highest id held, 0 where there is none."""
        return self.manifest.last_id

    @property
    def ids(self) -> Ids:
        """All ids (n,), ascending, read from Milvus: for checks, not for searches."""
        with speaking(self.server):
            pages = client(self.server).query_iterator(
                self.collection,
                batch_size=LOOKED_UP_IDS,
                filter=f"{ID_FIELD} >= 0",
                output_fields=[ID_FIELD],
                consistency_level=CHECK_CONSISTENCY,
            )
            found: list[int] = []
            while rows := pages.next():
                found += [row[ID_FIELD] for row in rows]
            pages.close()
        return np.sort(np.array(found, dtype=np.int64))

    def known(self, ids: Ids) -> NDArray[np.bool_]:
        """Return (n,) bool: which ids this generation holds."""
        return self.index.known(checked_ids(ids))

    def vectors(self, ids: Ids) -> NDArray[np.float16]:
        """Return the uncentred vectors (n, d) of ids, in their order; zeros where one was deleted just now.

        Raises: NotFoundError for an id that is not here.
        """
        keys = checked_ids(ids)
        found, rows = self._stored.read(np.unique(keys))
        vectors = np.zeros((len(keys), self.dims), dtype=np.float16)
        stored = np.isin(keys, found)
        if len(found):
            vectors[stored] = rows[np.searchsorted(found, keys[stored])]
        missing = keys[~stored]
        missing = missing[~self.known(missing)]
        if len(missing):
            raise NotFoundError(f"There is no vector with the id {missing[0]} in this index.")
        return vectors

    def sample(self, size: int) -> Ids:
        """Return up to `size` ids of those drawn when it was built, as far as they are still here."""
        return np.sort(self.manifest.sample[:size][self.known(self.manifest.sample[:size])])

    def search(self, units: Vectors, k: int, allowed_ids: Ids | None = None) -> SearchResult:
        return self.index.search(units, k, allowed_ids)

    def scans(self, allowed: int | None) -> bool:
        return self.index.collection.kind.exact or (allowed is not None and allowed <= SCAN_UP_TO)

    def block_of(self, k: int) -> int:
        block = k if self.index.collection.kind.exact else FIRST_BLOCK
        while block < k:
            block *= NEXT_BLOCK
        return max(k, min(block, MOST_HITS))

    def facts(self) -> GenerationFacts:
        """Return the manifest as plain values."""
        return self.manifest.as_facts()

    def stats(self) -> IndexStats:
        """Return size and kind."""
        return self.index.stats()

    def check(self) -> None:
        """Count the vectors, unless a change goes on.

        Raises: IndexDamagedError when they are not as many as were published.
        """
        counted = self.count if self.manifest.changing else self.index.counted()
        if counted != self.count:
            raise IndexDamagedError(
                f"{self.collection} holds {counted} vectors instead of {self.count}. Run rebuild_index."
            )

    def applied(self, added: Iterable[tuple[Ids, NDArray[Any]]], removed: Ids) -> MilvusGeneration:
        """Write uncentred vectors (n, d) and take ids out, while searches go on; return what it is then.

        It returns once all of it can be found. Begun again after it was killed, it does what is left.
        """
        changing = replace(self.manifest, changing=True)
        self._tell(changing)
        last_id = self.last_id
        for ids, rows in added:
            if len(ids):
                self.index.add(ids, normalise(rows.astype(np.float32) - self.centre))
                last_id = max(last_id, int(ids[-1]))
        self.index.remove(removed)
        changed = replace(
            self.manifest,
            count=self.index.counted(),
            last_id=last_id,
            version=self.manifest.version + 1,
            changing=False,
        )
        self._tell(changed)
        return MilvusGeneration(self.server, self.collection, changed, self._stored)

    def _tell(self, manifest: Published) -> None:
        with speaking(self.server):
            client(self.server).alter_collection_properties(
                self.collection, properties=manifest.properties(), timeout=self.server.timeout_s
            )
