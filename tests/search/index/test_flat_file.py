"""An exact index is written in blocks: the same file as FAISS writes, in memory that does not grow."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gallery.errors import IndexDamagedError
from search.index.base import normalise
from search.index.faiss.build import BuildPlan, build_generation
from search.index.faiss.generation import INDEX_FILE, Generation
from search.index.faiss.index import EXACT, FaissIndex
from search.index.faiss.store import GenerationStore
from search.index.faiss.stored_vectors import READ_ROWS
from search.types import Ids

DIMS = 64


def built(folder: Path, count: int) -> Generation:
    def batches() -> Iterator[tuple[Ids, NDArray[np.float16]]]:
        numbers = np.random.default_rng(7)
        for start in range(0, count, READ_ROWS):
            ids = 7 + 3 * np.arange(start, min(count, start + READ_ROWS), dtype=np.int64)
            yield ids, numbers.random((len(ids), DIMS)).astype(np.float16)

    return build_generation(GenerationStore(folder), BuildPlan("pictures", {}, DIMS), batches())


@pytest.mark.parametrize("count", [0, 1, READ_ROWS, READ_ROWS + 1, 3 * READ_ROWS])
def test_its_file_is_the_one_that_faiss_writes(tmp_path: Path, count: int) -> None:
    generation = built(tmp_path, count)
    whole = FaissIndex(DIMS, EXACT)
    whole.add(generation.ids, normalise(generation.vectors(generation.ids) - generation.centre))
    whole.save(tmp_path / "whole.faiss")
    assert (generation.folder / INDEX_FILE).read_bytes() == (tmp_path / "whole.faiss").read_bytes()
    assert generation.manifest.recall_at_10 == 1.0
    assert generation.stats().bytes_per_vector == 4 * DIMS + 8


def test_building_one_of_eight_times_as_many_vectors_takes_no_more_memory(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        try:
            built(tmp_path, count)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(READ_ROWS)  # what is loaded once
    assert peak(16 * READ_ROWS) < 1.05 * peak(2 * READ_ROWS)


def test_one_that_does_not_find_what_it_holds_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = built(tmp_path, READ_ROWS)
    monkeypatch.setattr("shutil.copyfileobj", lambda ids, file: file.write(bytes(len(ids.read()))))
    with pytest.raises(IndexDamagedError, match="0% of the true neighbours"):
        built(tmp_path, 2 * READ_ROWS)
    still = GenerationStore(tmp_path).open_current("pictures")
    assert still is not None
    assert still.name == serving.name
