"""Splits a job into ranges of ids that any number of workers take, wherever they run and whenever they come.

One worker leads the job: it tells the others, takes shares like them, and ends the job when all are done.
Nobody plans ahead: each takes the next range behind the last one by inserting its row, and what a dead worker
held by changing it on the condition that nobody else did.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from gallery.errors import SemsearchError
from gallery.jobs.kinds import PATIENT, QUEUES, kinds_in
from gallery.jobs.processes import new_token, process_is_gone
from gallery.jobs.reviving import MAX_SETBACKS, STALE_AFTER
from gallery.jobs.running import (
    PROGRESS_EVERY_S,
    JobInterruptedError,
    JobRun,
    JobStoppedError,
    beating,
    ending,
    list_failed,
)
from gallery.models import Image, Job, JobShare

logger = logging.getLogger(__name__)

# a call for helpers that nobody heard is sent again: workers may come at any time
CALL_EVERY_S = 3.0
CALLED_AT_ONCE = 8
TELL_EVERY_S = 1.0
LOOK_AGAIN_S = 0.5

# jobs that a thread of this process works at: one loaded network is enough for each
_here: set[int] = set()
_changing = threading.Lock()
# the queues this process takes messages from; what comes through others is nothing to make way for
consumed: frozenset[str] = frozenset(settings.JOB_QUEUES)


class ShareDeadlyError(SemsearchError):
    """Every worker that took a share died of it."""

    code = "share_deadly"
    status = 500


@dataclass(frozen=True)
class Range:
    """The next ids to work on: up to `last_id`, with `total` things to do among them."""

    last_id: int
    total: int


# the range behind an id, or None when nothing is left there
NextRange = Callable[[int], Range | None]


@dataclass(frozen=True)
class Tally:
    """What the shares of a job have come to."""

    done: int = 0
    failed: int = 0
    held: int = 0


class ShareRun:
    """A share that this thread has taken, as the code that works on it sees it."""

    def __init__(self, job: Job, share: JobShare) -> None:
        self.job = job
        self.share = share
        self._mine = JobShare.objects.filter(pk=share.pk, worker=share.worker, state=JobShare.State.RUNNING)
        self._told_at = 0.0

    def touch(self, **changes: Any) -> None:
        """Record life and changes. Raises: JobStoppedError when the share is no longer ours."""
        if not self._mine.update(heartbeat_at=timezone.now(), **changes):
            raise JobStoppedError

    def advance(self, done: int, failed: int) -> None:
        """Say how much is done, failures not counted; written at most twice a second.

        Raises: JobStoppedError, JobInterruptedError.
        """
        if ending():
            raise JobInterruptedError("Interrupted; goes on when the worker is back.")
        if time.monotonic() - self._told_at < PROGRESS_EVERY_S:
            return
        self._told_at = time.monotonic()
        self.touch(done=done, failed=failed)

    def fail_file(self, name: str, error: SemsearchError, image: Image | None = None) -> None:
        """List a file that could not be used; a second time for the same file changes nothing."""
        list_failed(self.job, name, error, image)

    def finish(self, done: int, failed: int) -> None:
        """Record that it is done. Raises: JobStoppedError when the share is no longer ours."""
        self.touch(done=done, failed=failed, state=JobShare.State.DONE)

    def leave(self, *, blameless: bool = False) -> None:
        """Give it back half done: the next who takes it goes on from what is missing."""
        attempts = F("attempts") - 1 if blameless else F("attempts")
        self._mine.update(state=JobShare.State.WAITING, attempts=attempts)


# works on a share from what is missing in it, and finishes it
WorkOnShare = Callable[[ShareRun], None]


def tally(job: Job) -> Tally:
    """Return what the shares of a job have come to so far."""
    held = Count("pk", filter=~Q(state=JobShare.State.DONE))
    found = JobShare.objects.filter(job=job).aggregate(done=Sum("done"), failed=Sum("failed"), held=held)
    return Tally(found["done"] or 0, found["failed"] or 0, found["held"])


def lead(run: JobRun, next_range: NextRange, work: WorkOnShare) -> Tally:
    """Do a job in shares, with whoever helps; returns what they came to when all are done.

    Raises: JobStoppedError, JobInterruptedError, ShareDeadlyError.
    """
    with _working(run.job.pk), _calling(run, next_range):
        while True:
            share = take(run.job, next_range)
            if share is not None:
                _do(share, work)
            now = tally(run.job)
            run.advance(now.done + now.failed)
            if share is not None:
                continue
            # nothing was left behind the last range, and no range is held by anyone
            if not now.held and next_range(_last_id(run.job)) is None:
                return now
            time.sleep(LOOK_AGAIN_S)


def join(job: Job, next_range: NextRange, work: WorkOnShare) -> None:
    """Take shares of a job that another worker leads, until none is left or something else waits for us."""
    with _working(job.pk) as first:
        while first and not ending() and not _others_wait(job):
            share = take(job, next_range)
            if share is None:
                return
            try:
                _do(share, work)
            except JobInterruptedError:
                return


def being_done_here(job_id: int) -> bool:
    """Whether a thread of this process works at a job already."""
    return job_id in _here


def take(job: Job, next_range: NextRange) -> ShareRun | None:
    """Take the next share of a job for this thread, or one whose worker is gone; None when there is none now.

    Raises: ShareDeadlyError.
    """
    while Job.objects.filter(pk=job.pk, state__in=Job.ACTIVE).exists():
        share = _left_behind(job) or _next(job, next_range)
        if share is None:
            return None
        if share.worker:
            return ShareRun(job, share)
    return None


def _next(job: Job, next_range: NextRange) -> JobShare | None:
    """Return the range behind the last one, now ours; one that another was quicker to take has no worker."""
    last = _last_id(job)
    found = next_range(last)
    if found is None:
        return None
    share = JobShare(
        job=job,
        first_id=last + 1,
        last_id=found.last_id,
        total=found.total,
        worker=new_token(),
        heartbeat_at=timezone.now(),
    )
    try:
        with transaction.atomic():
            share.save(force_insert=True)
    except IntegrityError:
        return JobShare()
    return share


def _left_behind(job: Job) -> JobShare | None:
    """Return a share that was given back or whose worker is gone, now ours; None when there is none."""
    now = timezone.now()
    for share in JobShare.objects.filter(job=job).exclude(state=JobShare.State.DONE).order_by("first_id"):
        waits = share.state == JobShare.State.WAITING
        if not (waits or share.heartbeat_at < now - STALE_AFTER or process_is_gone(share.worker)):
            continue
        if share.attempts >= MAX_SETBACKS:
            raise ShareDeadlyError(
                f"{MAX_SETBACKS} workers died of the pictures {share.first_id} to {share.last_id}; "
                "look at their logs, remove the one that kills them, then try again."
            )
        token = new_token()
        held = JobShare.objects.filter(pk=share.pk, state=share.state, worker=share.worker)
        if held.update(
            state=JobShare.State.RUNNING, worker=token, heartbeat_at=now, attempts=F("attempts") + 1
        ):
            share.worker = token
            return share
    return None


def _last_id(job: Job) -> int:
    last: int | None = (
        JobShare.objects.filter(job=job).order_by("-first_id").values_list("last_id", flat=True).first()
    )
    return last or 0


def _do(share: ShareRun, work: WorkOnShare) -> None:
    try:
        with beating(share):
            work(share)
    except JobStoppedError:
        # somebody took it over, or the job ended: whoever leads it sees that
        logger.info("A share of job %s was taken away.", share.job.pk)
    except JobInterruptedError:
        share.leave(blameless=True)
        raise
    except Exception:
        share.leave()
        raise


def _others_wait(job: Job) -> bool:
    """Whether a job waits that this process could do, and that somebody waits for."""
    kinds = [kind for kind in kinds_in(consumed) if kind not in PATIENT]
    due = Q(not_before=None) | Q(not_before__lte=timezone.now())
    return Job.objects.filter(due, state=Job.State.QUEUED, kind__in=kinds).exclude(pk=job.pk).exists()


@contextmanager
def _working(job_id: int) -> Iterator[bool]:
    """Note that a thread of this process works at a job; says whether it is the only one."""
    with _changing:
        first = job_id not in _here
        _here.add(job_id)
    try:
        yield first
    finally:
        if first:
            with _changing:
                _here.discard(job_id)


@contextmanager
def _calling(run: JobRun, next_range: NextRange) -> Iterator[None]:
    """Beside the work, say how far all have come, and call for helpers while there are untaken ranges."""
    stop = threading.Event()
    caller = threading.Thread(target=_call, args=(run, next_range, stop), daemon=True, name="calling")
    caller.start()
    try:
        yield
    finally:
        stop.set()
        caller.join()


def _call(run: JobRun, next_range: NextRange, stop: threading.Event) -> None:
    called_at = 0.0
    try:
        # what is done within a second needs no help
        while not stop.wait(TELL_EVERY_S):
            with suppress(DatabaseError, JobStoppedError):
                now = tally(run.job)
                run.record(now.done + now.failed)
                if time.monotonic() - called_at >= CALL_EVERY_S and next_range(_last_id(run.job)) is not None:
                    called_at = time.monotonic()
                    _send_calls(run.job)
    finally:
        connection.close()


def _send_calls(job: Job) -> None:
    from gallery.tasks import help_job

    # with the broker away the work goes on without help
    with suppress(help_job.OperationalError):
        for _ in range(CALLED_AT_ONCE):
            # what nobody heard before the next call is out of date
            help_job.apply_async(
                (job.pk,), queue=QUEUES[Job.Kind(job.kind)], expires=CALL_EVERY_S, retry=False
            )
