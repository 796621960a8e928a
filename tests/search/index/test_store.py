"""Generations: built aside, verified, swapped atomically, swept; whatever dies, the old one serves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gallery.errors import IndexDamagedError
from search.index.base import IndexInputError, VectorBatches, brute_force, normalise
from search.index.faiss import build as faiss_build
from search.index.faiss.build import BuildPlan, build_generation
from search.index.faiss.generation import DATA_FILES, Generation
from search.index.faiss.kinds import Budget
from search.index.faiss.store import GenerationStore
from search.types import Ids
from tests.search.index.test_faiss import clustered, recall

DIMS = 16


@pytest.fixture
def store(tmp_path: Path) -> GenerationStore:
    return GenerationStore(tmp_path / "indexes")


def batches(vectors: NDArray[np.float32], first_id: int = 100, size: int = 70) -> VectorBatches:
    for start in range(0, len(vectors), size):
        rows = vectors[start : start + size]
        yield np.arange(first_id + start, first_id + start + len(rows), dtype=np.int64), rows


def build(store: GenerationStore, count: int = 200, seed: int = 0, dims: int = DIMS) -> Generation:
    plan = BuildPlan("objects", {"model": "lite0"}, dims, total=count)
    return build_generation(store, plan, batches(clustered(count, dims, seed)))


def centred(generation: Generation, ids: Ids) -> NDArray[np.float32]:
    return normalise(generation.vectors(ids).astype(np.float32) - generation.centre)


def test_a_published_generation_is_served_and_described(store: GenerationStore) -> None:
    assert store.open_current("objects") is None
    assert store.names() == []
    build(store)
    generation = store.open_current("objects")
    assert generation is not None
    manifest = generation.manifest
    assert (manifest.count, manifest.dims, manifest.factory, manifest.recall_at_10) == (
        200,
        DIMS,
        "Flat",
        1.0,
    )
    assert manifest.spec == {"model": "lite0"}
    assert set(manifest.checksums) == set(DATA_FILES)
    assert manifest.latency_ms_p50 > 0
    assert "faiss" in manifest.versions
    assert store.names() == ["objects"]
    assert generation.name == store.current_name("objects")


def test_the_index_holds_centred_unit_vectors_and_keeps_the_uncentred_ones(store: GenerationStore) -> None:
    vectors = clustered(200, DIMS) + 5
    generation = build_generation(store, BuildPlan("objects", {}, DIMS), batches(vectors))
    half = vectors.astype(np.float16)
    np.testing.assert_array_equal(generation.vectors(np.array([299, 100])), half[[199, 0]])
    np.testing.assert_allclose(generation.centre, half.mean(axis=0, dtype=np.float64), rtol=1e-5)
    units = normalise(half.astype(np.float32) - generation.centre)
    found = generation.search(units[:9], 10)
    np.testing.assert_array_equal(found.ids, brute_force(units[:9], generation.ids, units, 10).ids)


# the short form has both thresholds at a fifth
@pytest.mark.parametrize(
    ("count", "exact_up_to", "lists"),
    [(12_000, 10_000, "IVF512"), pytest.param(60_000, 50_000, "IVF1024", marks=pytest.mark.hostile)],
)
def test_many_vectors_are_compressed_and_still_answer_like_exact_ones(
    store: GenerationStore, monkeypatch: pytest.MonkeyPatch, count: int, exact_up_to: int, lists: str
) -> None:
    for threshold in ("EXACT_UP_TO", "TRIED_ON"):
        monkeypatch.setattr(faiss_build, threshold, exact_up_to)
    dims = 64
    seen: list[int] = []
    plan = BuildPlan("large", {}, dims, total=count, budget=Budget(bytes_per_vector=48))
    generation = build_generation(store, plan, batches(clustered(count, dims), size=8_000), seen.append)
    assert seen[-1] == count
    assert lists in generation.manifest.factory
    # three kinds on a part, and the two best in full
    assert len(generation.manifest.tried) == 5
    assert generation.manifest.tried[-1]["count"] == count
    assert generation.manifest.recall_at_10 >= 0.98
    assert generation.manifest.bytes_per_vector < 48
    queries = normalise(clustered(100, dims, seed=0) + 0.05 - generation.centre)
    exact = brute_force(queries, generation.ids, centred(generation, generation.ids), 10)
    assert recall(generation.search(queries, 10).ids, exact.ids) >= 0.98


@pytest.mark.parametrize("count", [0, 1, 2, 9, 10])
def test_very_small_indexes_work(store: GenerationStore, count: int) -> None:
    generation = build(store, count)
    assert generation.count == count
    assert generation.centre.any() == (count >= 10)
    if count:
        found = generation.search(centred(generation, generation.ids[:1]), 1)
        assert found.ids.tolist() == [[100]]
        assert found.scores[0, 0] == pytest.approx(1, abs=1e-5)


def test_zero_vectors_can_be_indexed(store: GenerationStore) -> None:
    vectors = np.zeros((3, DIMS), dtype=np.float32)
    vectors[1, 0] = 1
    generation = build_generation(store, BuildPlan("objects", {}, DIMS), batches(vectors))
    found = generation.search(vectors[1:2], 3)
    assert found.ids.tolist() == [[101, 100, 102]]
    assert found.scores.tolist() == [[1, 0, 0]]


@pytest.mark.parametrize(
    ("ids", "vectors", "reason"),
    [
        ([2, 1], np.ones((2, DIMS)), "ascend"),
        ([1, 1], np.ones((2, DIMS)), "ascend"),
        ([1], np.ones((2, DIMS)), "1 ids came with 2"),
        ([1, 2], np.ones((2, 3)), "16 dimensions"),
        ([1, 2], np.full((2, DIMS), np.nan), "NaN"),
        ([1, 2], np.full((2, DIMS), 1e6), "float16"),
    ],
)
def test_wrong_vectors_fail_the_build_and_the_old_generation_serves(
    store: GenerationStore, ids: list[int], vectors: NDArray[np.float64], reason: str
) -> None:
    before = build(store).name
    with pytest.raises(IndexInputError, match=reason):
        build_generation(store, BuildPlan("objects", {}, DIMS), [(np.array(ids), vectors)])
    assert store.current_name("objects") == before
    assert [p.name for p in (store.root / "objects").iterdir() if p.name.startswith(".")] == []


def test_a_count_that_differs_from_the_expected_one_is_not_published(store: GenerationStore) -> None:
    with pytest.raises(IndexInputError, match="Expected 5 vectors, got 3"):
        build_generation(store, BuildPlan("objects", {}, DIMS, total=5), batches(clustered(3, DIMS)))
    assert store.open_current("objects") is None


@pytest.mark.parametrize("file", DATA_FILES)
def test_a_file_with_one_flipped_bit_is_refused(store: GenerationStore, file: str) -> None:
    path = build(store).folder / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(IndexDamagedError, match="rebuild_index"):
        store.open_current("objects")


@pytest.mark.parametrize("file", [*DATA_FILES, "manifest.json"])
def test_a_truncated_or_missing_file_is_refused(store: GenerationStore, file: str) -> None:
    path = build(store).folder / file
    os.truncate(path, path.stat().st_size // 2)
    for _ in range(2):
        with pytest.raises(IndexDamagedError, match="rebuild_index"):
            store.open_current("objects", checksums=False)
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("text", ["", "../../etc", "20200101T000000000000Z-dead"])
def test_a_pointer_to_nowhere_is_refused(store: GenerationStore, text: str) -> None:
    build(store)
    (store.root / "objects" / "CURRENT").write_text(text)
    with pytest.raises(IndexDamagedError, match="rebuild_index"):
        store.open_current("objects")


def test_a_manifest_of_another_format_is_refused(store: GenerationStore) -> None:
    path = build(store).folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(IndexDamagedError, match="format is 99"):
        store.open_current("objects")


def test_what_fails_its_checks_is_not_published(store: GenerationStore) -> None:
    good = build(store)

    def spoil(folder: Path) -> None:
        for file in good.folder.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        (folder / "vectors.f16").write_bytes(b"\0" * (200 * DIMS * 2))

    with pytest.raises(IndexDamagedError, match="checksum"):
        store.publish("objects", spoil)
    assert store.current_name("objects") == good.name


def test_two_old_generations_are_kept_and_an_open_one_survives_its_deletion(store: GenerationStore) -> None:
    first = build(store)
    later = [build(store, seed=seed).name for seed in range(1, 5)]
    assert store.generations("objects") == later[-3:]
    assert store.current_name("objects") == later[-1]
    assert not first.folder.exists()
    assert first.search(centred(first, first.ids[:1]), 1).ids.tolist() == [[100]]


def test_dropping_removes_all_and_can_be_repeated(store: GenerationStore) -> None:
    build(store)
    store.drop("objects")
    store.drop("objects")
    assert store.open_current("objects") is None
    assert not (store.root / "objects").exists()
    build(store)
    assert store.open_current("objects") is not None


def test_an_index_dropped_while_being_built_stays_dropped(store: GenerationStore) -> None:
    def dropping() -> VectorBatches:
        yield from batches(clustered(10, DIMS))
        store.drop("objects")

    build(store)
    with pytest.raises((IndexDamagedError, FileNotFoundError)):
        build_generation(store, BuildPlan("objects", {}, DIMS), dropping())
    assert store.open_current("objects") is None


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "a\0b"])
def test_names_that_could_leave_the_root_are_refused(store: GenerationStore, name: str) -> None:
    with pytest.raises(IndexInputError, match="no index name"):
        store.open_current(name)


def test_readers_always_see_a_whole_generation_while_others_are_published(store: GenerationStore) -> None:
    build(store)
    done, failures, reads = threading.Event(), [], []

    def read() -> None:
        while not done.is_set():
            try:
                generation = store.open_current("objects")
                assert generation is not None
                reads.append(generation.count)
            except Exception as error:
                failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for seed in range(12):
        build(store, count=20 + seed, seed=seed)
    done.set()
    reader.join()
    assert failures == []
    assert len(set(reads)) > 1


ENDLESS_BUILD = """
import sys, time
from pathlib import Path
import numpy as np
from search.index.faiss import build as faiss_build
from search.index.faiss.build import BuildPlan, build_generation
from search.index.faiss.store import GenerationStore

def batches():
    for n in range(10**9):
        yield np.arange(n * 8, n * 8 + 8), np.ones((8, 16), dtype=np.float32)
        print("writing", flush=True)
        time.sleep(0.01)

build_generation(GenerationStore(Path(sys.argv[1])), BuildPlan("objects", {}, 16), batches())
"""


@pytest.fixture
def endless_build(store: GenerationStore) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", ENDLESS_BUILD, str(store.root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_killed_build_leaves_the_old_generation_and_is_swept(
    store: GenerationStore, endless_build: subprocess.Popen[str]
) -> None:
    before = build(store)
    home = store.root / "objects"
    assert len(list(home.glob(".building-*"))) == 1  # the publish above left the living build alone
    endless_build.send_signal(signal.SIGKILL)
    endless_build.wait()
    served = store.open_current("objects")
    assert served is not None
    assert served.name == before.name
    assert len(list(home.glob(".building-*"))) == 1
    assert store.sweep("objects") == 1
    assert list(home.glob(".building-*")) == []
    assert store.open_current("objects") is not None


KILLED_AT_THE_SWAP = """
import os, signal, sys
from pathlib import Path
import numpy as np
import search.index.faiss.store
from search.index.faiss import build as faiss_build
from search.index.faiss.build import BuildPlan, build_generation

before_replace = Path.replace

def die(self, target):
    if sys.argv[2] == "after":
        before_replace(self, target)
    os.kill(os.getpid(), signal.SIGKILL)

Path.replace = die
rows = np.random.default_rng(0).normal(size=(30, 16))
store = search.index.faiss.store.GenerationStore(Path(sys.argv[1]))
build_generation(store, BuildPlan("objects", {}, 16), [(np.arange(30), rows)])
"""


@pytest.mark.parametrize(("moment", "served_count"), [("before", 200), ("after", 30)])
def test_a_kill_around_the_swap_serves_the_old_or_the_new_whole(
    store: GenerationStore, moment: str, served_count: int
) -> None:
    build(store)
    command = [sys.executable, "-c", KILLED_AT_THE_SWAP, str(store.root), moment]
    run = subprocess.run(command, cwd=Path(__file__).parents[3], timeout=60)
    assert run.returncode == -signal.SIGKILL
    served = store.open_current("objects")
    assert served is not None
    assert served.count == served_count
    started = time.monotonic()
    assert build(store, 20).count == 20  # the dead process holds no lock
    assert time.monotonic() - started < 10
    assert [p.name for p in (store.root / "objects").iterdir() if p.name.startswith(".")] == []
