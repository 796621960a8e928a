"""Takes up what dead workers left and announces what was forgotten, with time between attempts."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from gallery.jobs.processes import process_is_gone
from gallery.jobs.queueing import announce
from gallery.models import Job, JobShare

# six missed heartbeats: the worker is gone, not busy
STALE_AFTER = timedelta(seconds=30)
# a queued job whose message was lost is announced again after this time, and then after ever longer ones
REANNOUNCE_AFTER = timedelta(seconds=20)
REANNOUNCE_AT_LEAST_EVERY = timedelta(minutes=10)
# how often in a row a job may be set back without getting further
MAX_SETBACKS = 5
FIRST_DELAY = timedelta(seconds=10)


def delay_after(setbacks: int) -> timedelta:
    """Return how long a job rests after so many setbacks in a row, at least one: twice as long each time."""
    return timedelta(seconds=FIRST_DELAY.total_seconds() * 2 ** (setbacks - 1))


def sweep(*, at_start: bool = False) -> int:
    """Put jobs of dead workers back in the queue and announce forgotten ones; returns how many.

    `at_start` is set when a worker begins: jobs of processes of this host that no longer
    exist are revived at once, without waiting for their heartbeat to grow stale.
    """
    now = timezone.now()
    running = Job.objects.filter(state=Job.State.RUNNING)
    orphans = set(running.filter(heartbeat_at__lt=now - STALE_AFTER).values_list("pk", "worker"))
    if at_start:
        orphans |= {
            (pk, worker) for pk, worker in running.values_list("pk", "worker") if process_is_gone(worker)
        }
    for pk, worker in orphans:
        _revive(pk, worker)
    waiting = _forgotten(now, at_start=at_start)
    for pk, kind in waiting:
        announce(pk, kind)
    return len(waiting)


def _forgotten(now: datetime, *, at_start: bool) -> list[tuple[int, str]]:
    """Return the queued jobs that nobody may know of, the oldest first: what was left in order is done so."""
    due = Job.objects.filter(state=Job.State.QUEUED).filter(Q(not_before=None) | Q(not_before__lte=now))
    due = due.filter(Q(dispatched_at=None) | Q(dispatched_at__lt=now - REANNOUNCE_AFTER))
    if not at_start:
        # a job just created announces itself; only one that failed to is ours
        due = due.filter(created_at__lt=now - timedelta(seconds=5))
    rows = due.order_by("pk").values_list("pk", "kind", "dispatched_at", "announcements")
    return [(pk, kind) for pk, kind, at, times in rows if at is None or now - at >= _patience(times)]


def _patience(announcements: int) -> timedelta:
    """Return how long a message may wait: one that was not lost should not be there many times."""
    doublings = max(0, min(announcements, 10) - 1)
    return min(timedelta(seconds=REANNOUNCE_AFTER.total_seconds() * 2**doublings), REANNOUNCE_AT_LEAST_EVERY)


def _revive(pk: int, worker: str) -> None:
    mine = Job.objects.filter(pk=pk, state=Job.State.RUNNING, worker=worker)
    job = mine.first()
    if job is None:
        return
    setbacks = job.setbacks + 1
    if setbacks >= MAX_SETBACKS:
        if mine.update(
            state=Job.State.FAILED,
            finished_at=timezone.now(),
            setbacks=setbacks,
            message="",
            error=f"Its worker died {MAX_SETBACKS} times without getting further; look at the worker's log, "
            "then try it again.",
        ):
            JobShare.objects.filter(job=pk).delete()
        return
    # the first death may be an accident of the machine: nothing is gained by waiting
    rests = delay_after(setbacks - 1) if setbacks > 1 else timedelta()
    mine.update(
        state=Job.State.QUEUED,
        setbacks=setbacks,
        not_before=timezone.now() + rests if rests else None,
        dispatched_at=None,
        announcements=0,
        message="Its worker died; starting again.",
    )
