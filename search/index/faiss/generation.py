"""One published index generation: its files, its manifest, and how it is opened and checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from gallery.errors import IndexDamagedError, IndexOutdatedError
from search.damage import DAMAGE
from search.index.base import IndexStats, SearchResult, checked_ids
from search.index.faiss.filters import SCAN_UP_TO
from search.index.faiss.index import EXACT, FaissIndex, SearchEffort, is_served
from search.index.faiss.seal import condemned, seal, sealed, state_of, unseal
from search.index.faiss.stored_vectors import CENTRE_FILE, IDS_FILE, LENGTHS_FILE, VECTORS_FILE, MappedVectors
from search.types import GenerationFacts, Ids, TrialFacts, Vectors

INDEX_FILE = "index.faiss"
MANIFEST_FILE = "manifest.json"
DATA_FILES = (INDEX_FILE, VECTORS_FILE, IDS_FILE, LENGTHS_FILE, CENTRE_FILE)
FORMAT = 2
DIGEST = "digest"  # of the manifest itself, in its file only

# The mean of very few vectors says nothing about a dataset, and of one vector leaves nothing of it.
CENTRE_FROM = 10
# Nor does that of vectors that are all the same: what is left of them is nothing, or the rounding of float16.
LEAST_SPREAD = 1e-6
CHECKED_BYTES = (
    128 * 2**20
)  # of a file that is read whenever it is opened; larger ones once they were touched
# Hits of a compressed index keep their places up to these numbers, 24, 240, 2,400 ...: a page is one of 20.
FIRST_BLOCK, NEXT_BLOCK = 24, 10


class Mean:
    """The sums of vectors that come in batches, of which their centre is made."""

    def __init__(self, dims: int) -> None:
        self.count = 0
        self._total = np.zeros(dims, dtype=np.float64)
        self._squares = 0.0

    def add(self, rows: NDArray[np.float16]) -> None:
        """Take in vectors (n, d)."""
        self.count += len(rows)
        self._total += rows.sum(axis=0, dtype=np.float64)
        self._squares += float(np.einsum("nd,nd->", rows, rows, dtype=np.float64))

    def centre(self) -> NDArray[np.float32]:
        """Return their mean (d,), or zero where it says nothing: below ten, or where all are the same."""
        if self.count < CENTRE_FROM:
            return np.zeros(len(self._total), dtype=np.float32)
        mean = self._total / self.count
        usual = self._squares / self.count
        # the mean square of what is left when the mean is taken away
        left = usual - float(mean @ mean)
        return (mean if left > LEAST_SPREAD * usual else np.zeros_like(mean)).astype(np.float32)


@dataclass(frozen=True)
class Manifest:
    """What a generation is and what was measured before it was published; stored as manifest.json.

    `checksums` are SHA-256 by file name; `recall_at_10` is against exact search, the query itself left out,
    of other queries than it was tuned with. `tried` are the kinds of index measured, the last in full.
    """

    spec: Mapping[str, object]
    metric: str
    factory: str
    count: int
    dims: int
    checksums: dict[str, str]
    versions: dict[str, str]
    recall_at_10: float
    bytes_per_vector: float
    latency_ms_p50: float
    effort_lists: int
    effort_candidates: int
    build_seconds: float
    read_seconds: float
    tried: list[TrialFacts]
    built_at: str
    format: int = FORMAT
    effort_margin: float = 0.0  # before there was one, every query visited as many lists

    @property
    def effort(self) -> SearchEffort:
        """How hard to search, as tuned when it was built."""
        return SearchEffort(self.effort_lists, self.effort_candidates, self.effort_margin)

    @property
    def sizes(self) -> dict[str, int]:
        """The bytes of the files whose length follows from counts."""
        return {
            VECTORS_FILE: self.count * self.dims * 2,
            IDS_FILE: self.count * 8,
            LENGTHS_FILE: self.count * 4,
        }

    def as_facts(self) -> GenerationFacts:
        """Return plain values for JSON; a test compares the names."""
        return cast(GenerationFacts, asdict(self))

    def write(self, folder: Path) -> None:
        """Write manifest.json into a folder, with a digest of all that it says."""
        values = dict(self.as_facts())
        values |= {DIGEST: _digest(values)}
        (folder / MANIFEST_FILE).write_text(json.dumps(values, indent=1, sort_keys=True) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read manifest.json of a folder.

        Raises: IndexOutdatedError when it is of another format, IndexDamagedError when it is missing or no
            manifest.
        """
        try:
            values: dict[str, Any] = json.loads((folder / MANIFEST_FILE).read_text())
            if (found := values["format"]) != FORMAT:
                named = f"{folder.parent.name}/{folder.name}"
                raise IndexOutdatedError(
                    f"Index {named} is of another release (its format is {found}, this one reads {FORMAT}). "
                    "Run rebuild_index, unless a worker does so by itself."
                )
            digest = values.pop(DIGEST, None)
            manifest = cls(**values)
        except DAMAGE as error:
            raise damaged(folder, "its manifest cannot be read") from error
        # those of earlier versions have none
        if digest is not None and digest != _digest(values):
            raise damaged(folder, "its manifest is not what was written (its digest differs)")
        if not manifest.is_sound():
            raise damaged(folder, "its manifest says what cannot be")
        return manifest

    def is_sound(self) -> bool:
        """Whether counts are counts and the index is of a kind that is served."""
        counts = (self.count, self.dims, self.effort_lists, self.effort_candidates)
        return (
            all(type(one) is int and 0 <= one < 2**48 for one in counts)
            and isinstance(self.factory, str)
            and is_served(self.factory)
            and isinstance(self.checksums, dict)
            and isinstance(self.effort_margin, float | int)
        )


def _digest(values: Mapping[str, object]) -> str:
    """Return the SHA-256 of a manifest's values as JSON of one form."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def damaged(folder: Path, reason: str) -> IndexDamagedError:
    """Return the error for a generation that must not be served."""
    return IndexDamagedError(f"Index {folder.parent.name}/{folder.name}: {reason}. Run rebuild_index.")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Generation:
    """A readable index generation; immutable, so any number of threads may search it."""

    def __init__(self, folder: Path, manifest: Manifest, stored: MappedVectors, index: FaissIndex) -> None:
        self.folder, self.manifest, self.stored, self.index = folder, manifest, stored, index
        sizes = manifest.sizes | {INDEX_FILE: (folder / INDEX_FILE).stat().st_size}
        self._mapped = [(folder / name, size) for name, size in sizes.items()]

    @classmethod
    def open(cls, folder: Path, *, checksums: bool = True) -> Generation:
        """Open a generation's folder after checking sizes, counts and checksums.

        Without `checksums` a large file is read for it only if it was touched since it was last found to be
        whole: every process that starts would wait for that.

        Raises: IndexDamagedError when anything does not agree with the manifest.
        """
        if reason := condemned(folder):
            raise damaged(folder, reason)
        manifest = Manifest.read(folder)
        _check_files(folder, manifest, every=checksums)
        try:
            stored = MappedVectors.open(folder, manifest.count, manifest.dims)
        except DAMAGE as error:
            raise damaged(folder, "its vectors cannot be read") from error
        exact = None if manifest.factory == EXACT else stored
        index = FaissIndex.load(folder / INDEX_FILE, manifest.factory, exact=exact, effort=manifest.effort)
        if (index.count, index.dims) != (manifest.count, manifest.dims):
            raise damaged(folder, f"the index holds {index.count} vectors instead of {manifest.count}")
        return cls(folder, manifest, stored, index)

    @property
    def name(self) -> str:
        """The generation's name, which sorts by time."""
        return self.folder.name

    @property
    def count(self) -> int:
        return self.manifest.count

    @property
    def dims(self) -> int:
        return self.manifest.dims

    @property
    def ids(self) -> Ids:
        return self.stored.ids

    @property
    def centre(self) -> NDArray[np.float32]:
        return self.stored.centre

    @property
    def last_id(self) -> int:
        """The highest id held, 0 where there is none."""
        return int(self.ids[-1]) if self.count else 0

    def sample(self, size: int) -> Ids:
        """Return up to `size` ids spread over all of them."""
        return self.ids[:: max(1, -(-self.count // size))]

    def scans(self, allowed: int | None) -> bool:
        return self.index.exact or (allowed is not None and allowed <= SCAN_UP_TO)

    def block_of(self, k: int) -> int:
        if self.index.exact:
            return k
        block = FIRST_BLOCK
        while block < k:
            block *= NEXT_BLOCK
        return block

    def is_there(self) -> bool:
        """Whether all files that are mapped into memory are as long as they were; some microseconds."""
        try:
            return all(path.stat().st_size == size for path, size in self._mapped)
        except OSError:
            return False

    def facts(self) -> GenerationFacts:
        """Return the manifest as plain values."""
        return self.manifest.as_facts()

    def known(self, ids: Ids) -> NDArray[np.bool_]:
        """Return (n,) bool: which ids this generation holds."""
        return self.stored.known(checked_ids(ids))

    def vectors(self, ids: Ids) -> NDArray[np.float16]:
        """Return the uncentred vectors (n, d) of ids, in their order.

        Raises: NotFoundError for an id that is not here.
        """
        return self.stored.raw(checked_ids(ids))

    def search(self, units: Vectors, k: int, allowed_ids: Ids | None = None) -> SearchResult:
        return self.index.search(units, k, allowed_ids)

    def stats(self) -> IndexStats:
        """Return size and kind."""
        return self.index.stats()


def _check_files(folder: Path, manifest: Manifest, *, every: bool) -> None:
    """Look at the sizes and, of every file or of those that have to be, at the checksums.

    Raises: IndexDamagedError.
    """
    expected = manifest.sizes
    before, whole = sealed(folder), {}
    for name in DATA_FILES:
        path = folder / name
        if not path.is_file():
            raise damaged(folder, f"{name} is missing")
        state = state_of(path)
        size = state[0]
        if size != expected.get(name, size):
            raise damaged(folder, f"{name} has {size} bytes instead of {expected[name]}")
        known = size > CHECKED_BYTES and before.get(name) == state
        if (every or not known) and sha256_of(path) != manifest.checksums.get(name):
            unseal(folder)
            raise damaged(folder, f"{name} is not what was written (its checksum differs)")
        if size > CHECKED_BYTES:
            whole[name] = state
    if whole != before:
        seal(folder, whole)
