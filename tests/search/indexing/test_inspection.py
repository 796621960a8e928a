"""Damage of a generation that serves is found by passes, said, and mended, and searches go on meanwhile."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from django.utils import timezone

from gallery import jobs
from gallery.models import AuditEntry, Job
from search import job_kinds
from search.index.faiss import blocks
from search.index.faiss.generation import DATA_FILES
from search.index.faiss.seal import DAMAGED_FILE
from search.index.live import LiveIndex
from search.indexing import builds, database_vectors, inspection, snapshots
from search.models import SearchIndex
from tests.support.damage import COUNT, DAMAGES, add_vectors, flip, generation_of, published_index, truncate

pytestmark = pytest.mark.django_db


@pytest.fixture
def index() -> SearchIndex:
    return published_index()


def fresh(index: SearchIndex) -> SearchIndex:
    return SearchIndex.objects.select_related("dataset", "spec").get(pk=index.pk)


def found_by(live: LiveIndex, index: SearchIndex) -> list[int]:
    """Return what is nearest to some stored vectors: themselves."""
    ids, vectors = database_vectors.read_range(index)
    some = slice(0, None, 7)
    found = live.search(vectors[some].astype(np.float32), 1).ids[:, 0]
    assert found.tolist() == ids[some].tolist()
    return list(map(int, ids))


def rebuild_jobs() -> list[Job]:
    return list(Job.objects.filter(kind=job_kinds.INDEX))


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["index.faiss", "vectors.f16"])
def test_damage_is_found_said_and_mended_while_searches_go_on(
    index: SearchIndex, damage: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    found_by(snapshots.searchable(index), index)
    folder = generation_of(index)
    inspection.inspect()
    assert (inspection.damaged(), rebuild_jobs()) == ([], [])
    DAMAGES[damage](folder, name)
    if damage != "flipped":  # a process that has it mapped must not touch what is not there
        found_by(snapshots.searchable(fresh(index)), index)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            inspection.inspect()
    (job,) = rebuild_jobs()
    assert (job.state, job.parameters) == (Job.State.QUEUED, {"index": index.pk})
    (entry,) = AuditEntry.objects.filter(action="index.damaged")
    assert entry.target == str(index)
    assert len([line for line in caplog.messages if f"built anew by job {job.pk}" in line]) == 1
    (bad,) = inspection.damaged()
    assert bad[0] == index
    assert "rebuild_index" in bad[1].detail
    found_by(snapshots.searchable(fresh(index)), index)
    assert snapshots.searchable(fresh(index)).generation is None
    jobs.perform(job.pk)
    assert Job.objects.get(pk=job.pk).state == Job.State.SUCCEEDED
    inspection.inspect()
    assert inspection.damaged() == []
    live = snapshots.searchable(fresh(index))
    assert live.generation is not None
    found_by(live, index)
    assert len(rebuild_jobs()) == 1


def test_an_older_generation_that_is_whole_serves_until_then(index: SearchIndex) -> None:
    older = generation_of(index)
    add_vectors(index, 20)
    gone = database_vectors.ids_after(index, 0)[3]
    builds.note_removed(
        index.dataset_id, list(index.dataset.images.order_by("pk")[3:4].values_list("pk", flat=True))
    )
    builds.rebuild(fresh(index))
    flip(generation_of(index), "ids.i64")
    inspection.inspect()
    live = snapshots.searchable(fresh(index))
    assert live.generation is not None
    assert live.generation.name == older.name
    ids = found_by(live, index)
    assert (live.count, len(ids), gone in ids) == (COUNT + 19, COUNT + 19, False)
    # once more, as after a change: the same is held and not opened again
    SearchIndex.objects.filter(pk=index.pk).update(revision=fresh(index).revision + 1)
    assert snapshots.searchable(fresh(index)).generation is live.generation
    (job,) = rebuild_jobs()
    jobs.perform(job.pk)
    # what is damaged is not kept for another such time
    kept = [path.name for path in older.parent.iterdir() if path.is_dir()]
    assert sorted(kept) == sorted({older.name, generation_of(index).name})


def test_a_build_that_failed_is_not_asked_for_at_every_pass(index: SearchIndex) -> None:
    truncate(generation_of(index), "vectors.f16")
    inspection.inspect()
    (job,) = rebuild_jobs()
    Job.objects.filter(pk=job.pk).update(state=Job.State.FAILED, finished_at=timezone.now())
    inspection.inspect()
    assert len(rebuild_jobs()) == 1
    Job.objects.filter(pk=job.pk).update(finished_at=timezone.now() - builds.TRIED_AGAIN_AFTER)
    inspection.inspect()
    assert len(rebuild_jobs()) == 2


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let blocks be small, so that a small index has many; returns their bytes."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1024)
    return 1024


def test_passes_read_every_byte_within_as_many_as_the_files_are_long(
    small_blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = published_index(), published_index("theirs")
    sizes = [
        sum((generation_of(one) / name).stat().st_size for name in DATA_FILES) for one in (first, second)
    ]
    monkeypatch.setattr(inspection, "_budget", lambda: 8 * small_blocks)
    # each file ends with a block that is not full
    passes = -(-sum(sizes) // (8 * small_blocks)) + 2 * len(DATA_FILES)
    for index in (first, second):
        flip(generation_of(index), "vectors.f16")
        for _ in range(passes):
            inspection.inspect()
        (job,) = rebuild_jobs()
        assert job.dataset == index.dataset
        jobs.perform(job.pk)
        job.delete()


def test_a_generation_of_an_earlier_version_is_read_once_and_gets_digests(index: SearchIndex) -> None:
    folder = generation_of(index)
    (folder / blocks.BLOCKS_FILE).unlink()
    assert snapshots.searchable(index).generation is not None
    inspection.inspect()
    assert blocks.read(folder) is not None
    flip(folder, "lengths.f32")
    (folder / blocks.BLOCKS_FILE).unlink()
    inspection.inspect()
    assert len(rebuild_jobs()) == 1
    assert (folder / DAMAGED_FILE).exists()


def test_a_file_that_is_put_back_is_believed_again(index: SearchIndex, tmp_path: Path) -> None:
    folder = generation_of(index)
    whole = (folder / "index.faiss").read_bytes()
    flip(folder, "index.faiss")
    inspection.inspect()
    assert inspection.damaged()
    (folder / "index.faiss").write_bytes(whole)
    assert inspection.damaged() == []
    assert snapshots.searchable(fresh(index)).generation is not None
