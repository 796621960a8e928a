"""Takes up what dead workers left and publishes what was forgotten, with time between attempts."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from gallery.jobs.kinds import find_type, kinds_that_need_space
from gallery.jobs.processes import process_is_gone
from gallery.jobs.queueing import call_hooks, due_jobs, publish
from gallery.models import Job, WorkUnit
from gallery.system.home import disk_space
from gallery.system.measuring import measures

logger = logging.getLogger(__name__)

# six missed heartbeats: the worker is gone, not busy
STALE_AFTER = timedelta(seconds=30)
# a queued job whose message was lost is published again after this time, and then after ever longer ones
REPUBLISH_AFTER = timedelta(seconds=20)
REPUBLISH_AT_LEAST_EVERY = timedelta(minutes=10)
# how often in a row a job may fail without getting further
MAX_FAILURES = 5
FIRST_DELAY = timedelta(seconds=10)
UNKNOWN_KIND = (
    "This version of semsearch has no kind of job called {!r}: run the version that queued the job, and try "
    "it again there."
)


def delay_after(failures: int) -> timedelta:
    """Return how long a job rests after so many failures in a row, at least one: twice as long each time.

    After the first it is FIRST_DELAY, 10 s; after the fourth 80 s.
    """
    return timedelta(seconds=FIRST_DELAY.total_seconds() * 2 ** (failures - 1))


def sweep(*, at_start: bool = False, messages_lost: bool = False) -> int:
    """Put jobs of dead workers back in the queue and publish forgotten ones; returns how many.

    `at_start` is set when a worker begins: jobs of processes of this host that no longer
    exist are revived at once, without waiting for their heartbeat to grow stale.
    Forgotten ones of a kind that nobody has registered are ended. With `messages_lost` no queued job is
    known to anybody. While the disk is nearly full, those that need space are left to wait.
    """
    now = timezone.now()
    if messages_lost:
        # but for one that a process has just made, or is about to do itself
        sent = Job.objects.filter(state=Job.State.QUEUED, dispatched_at__lt=now - timedelta(seconds=1))
        sent.update(dispatched_at=None, publish_count=0)
    running = Job.objects.filter(state=Job.State.RUNNING)
    orphans = set(running.filter(heartbeat_at__lt=now - STALE_AFTER).values_list("pk", "worker"))
    if at_start:
        orphans |= {
            (pk, worker) for pk, worker in running.values_list("pk", "worker") if process_is_gone(worker)
        }
    for pk, worker in orphans:
        _revive(pk, worker)
    published = 0
    resting = kinds_that_need_space() if disk_space.is_low() else []
    due_jobs(now).filter(kind__in=resting).exclude(message=disk_space.RESTS).update(
        message=disk_space.RESTS, dispatched_at=None, publish_count=0
    )
    for pk, kind in _forgotten(now, at_start=at_start):
        if kind in resting:
            continue
        if find_type(kind) is None:
            _end_unknown(pk, kind)
        else:
            publish(pk, kind)
            published += 1
    return published


def _forgotten(now: datetime, *, at_start: bool) -> list[tuple[int, str]]:
    """Return the queued jobs that nobody may know of, the oldest first: what was left in order is done so."""
    due = due_jobs(now).filter(Q(dispatched_at=None) | Q(dispatched_at__lt=now - REPUBLISH_AFTER))
    if not at_start:
        # a job just created is published by who made it; only one that failed to is ours
        due = due.filter(created_at__lt=now - timedelta(seconds=5))
    rows = due.order_by("pk").values_list("pk", "kind", "dispatched_at", "publish_count")
    return [(pk, kind) for pk, kind, at, times in rows if at is None or now - at >= _patience(times)]


def _end_unknown(pk: int, kind: str) -> None:
    """End a queued job of a kind that nobody has registered: no worker of this version could do it."""
    ended = Job.objects.filter(pk=pk, state=Job.State.QUEUED).update(
        state=Job.State.FAILED, finished_at=timezone.now(), message="", error=UNKNOWN_KIND.format(kind)
    )
    if ended:
        measures.here().job_ended(kind, "failed")
        measures.here().failed("job", "unknown_kind")
        WorkUnit.objects.filter(job=pk).delete()


def _patience(publish_count: int) -> timedelta:
    """Return how long a message may wait: one that was not lost should not be there many times."""
    doublings = max(0, min(publish_count, 10) - 1)
    return min(timedelta(seconds=REPUBLISH_AFTER.total_seconds() * 2**doublings), REPUBLISH_AT_LEAST_EVERY)


def _revive(pk: int, worker: str) -> None:
    mine = Job.objects.filter(pk=pk, state=Job.State.RUNNING, worker=worker)
    job = mine.first()
    if job is None:
        return
    failures = job.consecutive_failures + 1
    if failures >= MAX_FAILURES:
        if mine.update(
            state=Job.State.FAILED,
            finished_at=timezone.now(),
            consecutive_failures=failures,
            message="",
            error=f"Its worker died {MAX_FAILURES} times without getting further; look at the worker's log, "
            "then try it again.",
        ):
            WorkUnit.objects.filter(job=pk).delete()
            measures.here().job_ended(job.kind, "failed")
            measures.here().failed("job", "worker_died")
            call_hooks(Job.objects.get(pk=pk))
        return
    # the first death may be an accident of the machine: nothing is gained by waiting
    rests = delay_after(failures - 1) if failures > 1 else timedelta()
    revived = mine.update(
        state=Job.State.QUEUED,
        consecutive_failures=failures,
        not_before=timezone.now() + rests if rests else None,
        dispatched_at=None,
        publish_count=0,
        message="Its worker died; starting again.",
    )
    if revived:
        logger.warning("The worker of job %d (%s) died; it starts again.", pk, job.kind)
        measures.here().job_ended(job.kind, "worker_died")
