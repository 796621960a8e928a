"""Jobs in work units: every range taken once, whoever comes, stays, pauses or dies."""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from gallery import jobs
from gallery.jobs import coordination, reviving, work_units
from gallery.models import Dataset, Job, WorkUnit
from search import job_kinds
from tests.support.handlers import replaced

pytestmark = pytest.mark.django_db(transaction=True)


class Numbers:
    """Work to share out: some numbers, each to be done once."""

    def __init__(self, last: int, size: int = 7) -> None:
        self.last, self.size = last, size
        self.done: Counter[int] = Counter()
        self._lock = threading.Lock()

    def next_range(self, after: int) -> work_units.Range | None:
        last = min(self.last, after + self.size)
        return work_units.Range(last, last - after) if last > after else None

    def work(self, claimed: work_units.UnitRun) -> None:
        numbers = range(claimed.unit.first_id, claimed.unit.last_id + 1)
        for number in numbers:
            with self._lock:
                self.done[number] += 1
        claimed.finish(len(numbers), 0)

    def complete(self) -> bool:
        return self.done == Counter(range(1, self.last + 1))


def running(dataset: Dataset) -> Job:
    job = Job.objects.create(kind=job_kinds.EXTRACT, dataset=dataset)
    assert jobs.claim(job.pk)
    job.refresh_from_db()
    return job


def test_many_who_take_units_at_once_do_each_range_once(dataset: Dataset) -> None:
    job, numbers = running(dataset), Numbers(400)

    def help_out(_: int) -> None:
        try:
            while (claimed := work_units.claim_next(job, numbers.next_range)) is not None:
                numbers.work(claimed)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(help_out, range(6)))
    assert numbers.complete()
    assert work_units.totals(job) == work_units.Totals(done=400, failed=0, held=0)
    rows = list(WorkUnit.objects.filter(job=job).order_by("first_id"))
    assert [row.first_id for row in rows[1:]] == [row.last_id + 1 for row in rows[:-1]]


def test_a_unit_whose_worker_is_silent_or_gone_is_taken_over_and_the_old_worker_told(
    dataset: Dataset,
) -> None:
    job, numbers = running(dataset), Numbers(14)
    silent, gone = (
        work_units.claim_next(job, numbers.next_range),
        work_units.claim_next(job, numbers.next_range),
    )
    assert silent
    assert gone
    assert work_units.claim_next(job, numbers.next_range) is None, "both are alive"
    stale = timezone.now() - 2 * reviving.STALE_AFTER
    WorkUnit.objects.filter(pk=silent.unit.pk).update(heartbeat_at=stale)
    dead = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(dead, 0)
    host = gone.unit.worker.partition(":")[0]
    WorkUnit.objects.filter(pk=gone.unit.pk).update(worker=f"{host}:{dead}:abc")
    taken = [work_units.claim_next(job, numbers.next_range), work_units.claim_next(job, numbers.next_range)]
    assert {run.unit.pk for run in taken if run} == {silent.unit.pk, gone.unit.pk}
    with pytest.raises(jobs.JobStoppedError):
        silent.finish(7, 0)
    for run in taken:
        assert run
        numbers.work(run)
    assert numbers.complete()


def test_the_leader_waits_for_what_others_hold_and_counts_it(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job.objects.create(kind=job_kinds.EXTRACT, dataset=dataset)
    run = jobs.claim(job.pk)
    assert run
    numbers, helping = Numbers(21), threading.Event()
    theirs = work_units.claim_next(run.job, numbers.next_range)
    assert theirs

    def finish_theirs() -> None:
        helping.wait(10)
        threading.Event().wait(0.3)
        numbers.work(theirs)
        connection.close()

    def work(claimed: work_units.UnitRun) -> None:
        numbers.work(claimed)
        if claimed.unit.last_id == 21:
            helping.set()

    helper = threading.Thread(target=finish_theirs)
    helper.start()
    assert coordination.coordinate(run, numbers.next_range, work) == work_units.Totals(done=21)
    helper.join()
    assert numbers.complete()


def test_a_cancelled_job_gives_out_no_units_and_stops_those_at_work(dataset: Dataset) -> None:
    job, numbers = running(dataset), Numbers(100)
    claimed = work_units.claim_next(job, numbers.next_range)
    assert claimed
    jobs.cancel(job.pk)
    with pytest.raises(jobs.JobStoppedError):
        claimed.touch()
    assert work_units.claim_next(job, numbers.next_range) is None


def test_a_unit_that_kills_every_worker_ends_its_job_with_words(dataset: Dataset) -> None:
    job, numbers = running(dataset), Numbers(7)
    assert work_units.claim_next(job, numbers.next_range)
    stale = timezone.now() - 2 * reviving.STALE_AFTER
    for _ in range(reviving.MAX_FAILURES - 1):
        WorkUnit.objects.filter(job=job).update(heartbeat_at=stale)
        assert work_units.claim_next(job, numbers.next_range)
    WorkUnit.objects.filter(job=job).update(heartbeat_at=stale)
    with pytest.raises(work_units.PoisonUnitError, match="images 1 to 7"):
        work_units.claim_next(job, numbers.next_range)


def test_who_helps_makes_way_for_work_that_somebody_waits_for(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, numbers = running(dataset), Numbers(70)
    seen: list[int] = []

    def work(claimed: work_units.UnitRun) -> None:
        numbers.work(claimed)
        seen.append(claimed.unit.first_id)
        if len(seen) == 2:
            Job.objects.create(kind=jobs.IMPORT, dataset=dataset)

    Job.objects.create(kind=job_kinds.PROJECT, dataset=dataset)  # for which nobody waits
    coordination.assist(job, numbers.next_range, work)
    assert len(seen) == 2
    monkeypatch.setattr(coordination, "subscribed_queues", frozenset({"extract"}))  # imports are others' work
    coordination.assist(job, numbers.next_range, work)
    assert numbers.complete()


def test_workers_that_pause_and_die_at_random_leave_every_number_done_and_the_count_exact(
    dataset: Dataset,
) -> None:
    """Workers drop units half done, or go on after theirs was taken; what is done is read from a set."""
    job, rng = running(dataset), random.Random(11)
    stored: set[int] = set()

    def next_range(after: int) -> work_units.Range | None:
        ids = [n for n in range(after + 1, 301) if n not in stored][:10]
        return work_units.Range(ids[-1], len(ids)) if ids else None

    paused: list[work_units.UnitRun] = []
    while True:
        claimed = work_units.claim_next(job, next_range)
        if claimed is None:
            if not work_units.totals(job).held:
                break
            WorkUnit.objects.filter(job=job).exclude(state=WorkUnit.State.DONE).update(
                heartbeat_at=timezone.now() - timedelta(minutes=5)
            )
            continue
        row = claimed.unit
        missing = [n for n in range(row.first_id, row.last_id + 1) if n not in stored]
        before = row.total - len(missing)
        for number, value in enumerate(missing):
            if rng.random() < 0.05 and row.attempts < reviving.MAX_FAILURES - 1:
                paused.append(claimed)
                break
            stored.add(value)
            claimed.advance(before + number + 1, 0)
        else:
            claimed.finish(before + len(missing), 0)
    assert paused
    for late in paused:
        with pytest.raises(jobs.JobStoppedError):
            late.finish(0, 0)
    assert stored == set(range(1, 301))
    assert work_units.totals(job) == work_units.Totals(done=300)


def test_a_message_for_help_reaches_the_helper_of_its_kind_once_a_process(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gallery.tasks import help_job

    helped: list[int] = []

    def helper(job: Job) -> None:
        with coordination._active(job.pk):
            helped.append(job.pk)
            help_job(job.pk)

    def handler(run: jobs.JobRun) -> dict[str, Any]:
        return {}

    with replaced(job_kinds.EXTRACT, handler, helper=helper):
        job = running(dataset)
        help_job(job.pk)
        assert helped == [job.pk]
        jobs.cancel(job.pk)
        help_job(job.pk)
        assert helped == [job.pk]
