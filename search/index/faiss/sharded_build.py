"""An index filled in parts by whoever helps, wherever they run, and put together from them by FAISS.

The builder learns the lists once and lays the empty index beside the stored vectors. A part is that index
with the vectors of some rows, in a file that appears whole or not at all; all parts in their order are the
index that one process would have made of all rows.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gallery.errors import IndexDamagedError, NotFoundError
from search.index.faiss.index import FaissIndex
from search.index.faiss.kinds import learned
from search.index.faiss.stored_vectors import MappedVectors
from search.index.faiss.tuning import BLOCK_ROWS
from search.types import Vectors

PLAN_FILE, EMPTY_FILE = "parts.json", "empty.faiss"
SHARE_OF_REST = 8  # a part is so much of the rows that nobody has taken yet, within these bounds
LEAST_BLOCKS, MOST_BLOCKS = 8, 128


@dataclass(frozen=True)
class Parts:
    """The parts of an index (a factory string) of the vectors that a generation's folder holds."""

    folder: Path
    factory: str
    stored: MappedVectors

    @classmethod
    def begin(cls, folder: Path, factory: str, stored: MappedVectors, lists: Vectors | None) -> Parts:
        """Lay the empty, trained index beside the vectors: from now on others can help."""
        # a folder of its own: who is still at a part of an earlier index must not leave it here
        parts = cls(folder / f"parts-{secrets.token_hex(4)}", factory, stored)
        parts.folder.mkdir()
        learned(factory, stored, len(stored.ids), lists).save(parts.folder / EMPTY_FILE)
        plan = {
            "folder": parts.folder.name,
            "factory": factory,
            "count": len(stored.ids),
            "dims": stored.matrix.shape[1],
        }
        aside = parts.folder / PLAN_FILE
        aside.write_text(json.dumps(plan))
        aside.rename(folder / PLAN_FILE)
        return parts

    @classmethod
    def open(cls, folder: Path) -> Parts:
        """Open what another process has begun in a generation's folder.

        Raises: NotFoundError when nothing is being filled there, or no longer.
        """
        try:
            plan = json.loads((folder / PLAN_FILE).read_text())
            stored = MappedVectors.open(folder, plan["count"], plan["dims"])
        except FileNotFoundError as error:
            raise NotFoundError("No index is being filled in parts there.") from error
        return cls(folder / plan["folder"], plan["factory"], stored)

    @property
    def begun(self) -> bool:
        """Whether parts are still wanted."""
        try:
            plan = json.loads((self.folder.parent / PLAN_FILE).read_text())
        except FileNotFoundError:
            return False
        return bool(plan["folder"] == self.folder.name)

    def next_part(self, after: int) -> tuple[int, int] | None:
        """Return the last id of the part behind an id and how many vectors it holds; None behind the last."""
        start = int(np.searchsorted(self.stored.ids, after, side="right"))
        rest = len(self.stored.ids) - start
        if rest <= 0 or not self.begun:
            return None
        # whole blocks: a sum of the same rows is rounded as where one process adds them all
        blocks = min(MOST_BLOCKS, max(LEAST_BLOCKS, rest // BLOCK_ROWS // SHARE_OF_REST))
        count = min(rest, blocks * BLOCK_ROWS)
        return int(self.stored.ids[start + count - 1]), count

    def fill(self, first_id: int, last_id: int, report: Callable[[int], None] = lambda count: None) -> None:
        """Make the part of the ids from one to another, unless it is there; `report` hears how many are in.

        Raises: NotFoundError when no parts are wanted any more.
        """
        start, stop = np.searchsorted(self.stored.ids, [first_id, last_id + 1]).tolist()
        try:
            self._fill(start, stop, report)
        except (OSError, RuntimeError, IndexDamagedError) as error:
            if self.begun:
                raise
            raise NotFoundError("The index was put together meanwhile, or its build has ended.") from error

    def _fill(self, start: int, stop: int, report: Callable[[int], None]) -> None:
        path = self.folder / f"{start:012}-{stop:012}.faiss"
        if path.exists() or start >= stop:
            return
        part = self._read(EMPTY_FILE)
        for row in range(start, stop, BLOCK_ROWS):
            end = min(stop, row + BLOCK_ROWS)
            part.add(self.stored.ids[row:end], self.stored.units_between(row, end))
            report(end - start)
        aside = path.with_suffix(f".{os.getpid()}")
        part.save(aside)
        aside.rename(path)

    def merged(self) -> FaissIndex:
        """Return the index of all rows, making what is missing."""
        whole, row = self._read(EMPTY_FILE), 0
        for start, stop in [*self._rows(), (len(self.stored.ids), len(self.stored.ids))]:
            self._fill(row, start, lambda count: None)
            if start > row:
                whole.merge(self._read(f"{row:012}-{start:012}.faiss"))
            if stop > start:
                whole.merge(self._read(f"{start:012}-{stop:012}.faiss"))
            row = stop
        return whole

    def end(self) -> None:
        """Remove the parts; who is still at one finds that out."""
        (self.folder.parent / PLAN_FILE).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _rows(self) -> Iterator[tuple[int, int]]:
        for path in sorted(self.folder.glob("*-*.faiss")):
            start, stop = path.stem.split("-")
            yield int(start), int(stop)

    def _read(self, name: str) -> FaissIndex:
        return FaissIndex.load(self.folder / name, self.factory, exact=self.stored, mapped=False)
