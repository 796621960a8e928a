"""An index filled in parts answers as one filled by a single process, whoever fills them and whoever dies."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection

from gallery import jobs
from gallery.errors import NotFoundError
from gallery.jobs import coordination, work_units
from gallery.models import Dataset, Job, WorkUnit
from search import job_kinds
from search.index.faiss import build as faiss_build
from search.index.faiss import sharded_build, tuning
from search.index.faiss.index import FaissIndex, SearchEffort
from search.index.faiss.kinds import KINDS, filled, learned_lists
from search.index.faiss.sharded_build import Parts
from search.index.faiss.stored_vectors import CENTRE_FILE, IDS_FILE, LENGTHS_FILE, VECTORS_FILE, MappedVectors
from search.indexing import builds, snapshots
from search.indexing import work_units as index_units
from search.models import Embedding, FeatureSpec, IndexBuild, SearchIndex
from search.types import FeatureConfig, Vectors
from tests.search.index.test_faiss import DIMS, clustered
from tests.support.experiment_rows import stored_images

COUNT = 3_000


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharded_build, "BLOCK_ROWS", 100)
    monkeypatch.setattr(sharded_build, "LEAST_BLOCKS", 4)


@pytest.fixture
def stored(tmp_path: Path) -> MappedVectors:
    ids = np.arange(COUNT, dtype="<i8") * 3 + 5
    ids.tofile(tmp_path / IDS_FILE)
    vectors = clustered(COUNT).astype("<f2")
    vectors.tofile(tmp_path / VECTORS_FILE)
    np.linalg.norm(vectors.astype(np.float32), axis=1).astype("<f4").tofile(tmp_path / LENGTHS_FILE)
    np.save(tmp_path / CENTRE_FILE, np.zeros(DIMS, dtype=np.float32))
    return MappedVectors.open(tmp_path, COUNT, DIMS)


@pytest.mark.parametrize(
    "factory",
    [
        f"RR{DIMS},IVF64,RaBitQ",
        f"RR{DIMS},IVF64,RaBitQfs",
        f"PCAR{DIMS // 2},IVF64,RaBitQ",
        "IVF64,PQ16x4fsr",
        "IVF64,SQ8",
    ],
)
def test_merged_parts_answer_as_the_whole(factory: str, stored: MappedVectors, tmp_path: Path) -> None:
    lists = learned_lists(stored, COUNT, factory)
    whole = filled(factory, stored, COUNT, lists)
    ours = Parts.begin(tmp_path, factory, stored, lists)
    theirs = Parts.open(tmp_path)
    ranges, last = [], 0
    while (found := theirs.next_part(last)) is not None:
        ranges.append((last + 1, found[0]))
        last = found[0]
    assert len(ranges) > 5
    for first_id, last_id in reversed(ranges[1:]):  # nobody did the first one
        theirs.fill(first_id, last_id)
    merged = ours.merged()
    assert merged.count == COUNT
    queries = stored.units(stored.ids[::50])
    for effort in (SearchEffort(4, 40), SearchEffort(16, 40, margin=0.3)):
        expected = whole.search(queries, 20, effort=effort)
        np.testing.assert_array_equal(merged.search(queries, 20, effort=effort).ids, expected.ids)
    ours.end()
    with pytest.raises(NotFoundError):
        theirs.fill(*ranges[0])
    assert theirs.next_part(0) is None
    with pytest.raises(NotFoundError):
        Parts.open(tmp_path)


@pytest.fixture
def index(dataset: Dataset, monkeypatch: pytest.MonkeyPatch, settings: Any) -> SearchIndex:
    """Return an index of 3,000 embeddings that is compressed, and filled in shares."""
    monkeypatch.setattr(faiss_build, "EXACT_UP_TO", 100)
    monkeypatch.setattr(faiss_build, "candidates", lambda *_: [KINDS[1]])
    settings.INDEX_SHARE_FROM = 1_000
    spec = FeatureSpec.objects.for_config(
        FeatureConfig("a", "top", "average", "", "", 32, "squash", "0", DIMS)
    )
    made = SearchIndex.objects.create(dataset=dataset, spec=spec, live=True)
    images = stored_images(dataset, ["cats"] * COUNT)
    Embedding.objects.bulk_create(
        Embedding(image_id=image, spec=spec, dataset=dataset, vector=vector.tobytes())
        for image, vector in zip(images, clustered(COUNT).astype("<f2"), strict=True)
    )
    return made


def hits(index: SearchIndex) -> Any:
    snapshots.forget()
    live = snapshots.searchable(SearchIndex.objects.select_related("spec").get(pk=index.pk))
    assert live.count == COUNT
    assert not len(live.delta_ids)
    return live.search(clustered(40, seed=9), 20).ids


@pytest.mark.django_db(transaction=True)
def test_a_build_with_helpers_finds_what_a_build_alone_finds(
    index: SearchIndex, dataset: Dataset, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted_ms(index: FaissIndex, queries: Vectors, effort: SearchEffort) -> float:
        return len(index.factory) + effort.lists + effort.candidates + effort.margin

    # what is the fastest by a hair may be another kind or effort the second time
    monkeypatch.setattr(tuning, "median_ms", counted_ms)
    helped, ended = Counter[int](), threading.Event()
    fill = Parts.fill

    def counting(self: Parts, first_id: int, last_id: int, *rest: Any) -> None:
        helped[threading.get_ident()] += 1
        fill(self, first_id, last_id, *rest)

    def help_out() -> None:
        while not ended.wait(0.02):
            job = Job.objects.filter(kind=job_kinds.INDEX, state=Job.State.RUNNING).first()
            if job is not None:
                _as_another_process(index_units.help_build, job)
        connection.close()

    helper = threading.Thread(target=help_out)
    helper.start()
    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Parts, "fill", counting)
            built = jobs.perform_now(job_kinds.INDEX, dataset, index=index.pk)
    finally:
        ended.set()
        helper.join()
    assert built.state == Job.State.SUCCEEDED
    assert not WorkUnit.objects.exists()
    assert sum(helped.values()) >= 6
    together = hits(index)
    settings.INDEX_SHARE_FROM = COUNT + 1
    alone = builds.rebuild(index)
    assert alone.manifest["factory"] == IndexBuild.objects.order_by("pk")[0].manifest["factory"]
    np.testing.assert_array_equal(hits(index), together)


def _as_another_process(work: Any, job: Job) -> None:
    """Help although a thread of this process leads the job: the tests are one process."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(coordination, "_active_jobs", set())
        work(job)


@pytest.mark.django_db(transaction=True)
def test_of_a_helper_that_dies_only_its_part_is_made_again(
    index: SearchIndex, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    fill_unit = index_units._fill_unit
    # a process of this host that does not exist
    dead = f"{socket.gethostname()}:{_no_process()}:dead"

    def dying(made: Parts, run: work_units.UnitRun) -> None:
        begun.append(run.unit.first_id)
        if len(begun) == 2:
            WorkUnit.objects.filter(pk=run.unit.pk).update(worker=dead)
            return
        fill_unit(made, run)

    monkeypatch.setattr(index_units, "_fill_unit", dying)
    jobs.perform_now(job_kinds.INDEX, dataset, index=index.pk)
    times = Counter(begun)
    assert times.pop(begun[1]) == 2
    assert set(times.values()) == {1}
    assert len(times) >= 5
    assert len(np.unique(hits(index))) > 100


def _no_process() -> int:
    pid = 4_000_000
    while Path(f"/proc/{pid}").exists():
        pid += 1
    return pid


@pytest.mark.django_db
def test_helpers_of_a_build_that_fills_nothing_go_at_once(index: SearchIndex, dataset: Dataset) -> None:
    job = Job.objects.create(kind=job_kinds.INDEX, dataset=dataset)
    index_units.help_build(job)
    assert not WorkUnit.objects.exists()
