"""A job done in work units: one worker coordinates it, and others assist when it calls.

Whoever coordinates calls the others, claims units like them, and ends the job when all are done.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, connection
from django.utils import timezone

from gallery.jobs import broker
from gallery.jobs.errors import JobInterruptedError, JobStoppedError
from gallery.jobs.heartbeat import ending
from gallery.jobs.kinds import JobRun, urgent_kinds
from gallery.jobs.queueing import due_jobs
from gallery.jobs.work_units import NextRange, Totals, WorkOnUnit, claim_next, do_unit, last_id, totals
from gallery.models import Job
from gallery.system.open_datasets import DatasetClosedError

# a call for help that nobody heard is sent again: workers may come at any time
CALL_EVERY_S = 3.0
CALLED_AT_ONCE = 8
TELL_EVERY_S = 1.0
LOOK_AGAIN_S = 0.5

# jobs that a thread of this process works at: one loaded network is enough for each
_active_jobs: set[int] = set()
_changing = threading.Lock()
# the queues this process takes messages from; what comes through others is nothing to make way for
subscribed_queues: frozenset[str] = frozenset(settings.JOB_QUEUES)


def coordinate(run: JobRun, next_range: NextRange, work: WorkOnUnit) -> Totals:
    """Do a job in work units, with whoever assists; returns what they came to when all are done.

    Raises: JobStoppedError, JobInterruptedError, PoisonUnitError.
    """
    with _active(run.job.pk), _calling(run, next_range):
        while True:
            unit = claim_next(run.job, next_range)
            if unit is not None:
                do_unit(unit, work)
            now = totals(run.job)
            run.advance(now.done + now.failed)
            if unit is not None:
                continue
            # nothing was left behind the last range, and no range is held by anyone
            if not now.held and next_range(last_id(run.job)) is None:
                return now
            time.sleep(LOOK_AGAIN_S)


def assist(job: Job, next_range: NextRange, work: WorkOnUnit) -> None:
    """Do units of a job that another worker coordinates, until none is left or other work waits for us."""
    with _active(job.pk) as first:
        while first and not ending() and not _others_wait(job):
            unit = claim_next(job, next_range)
            if unit is None:
                return
            try:
                do_unit(unit, work)
            except JobInterruptedError:
                return


def is_active_here(job_id: int) -> bool:
    """Whether a thread of this process works at a job already."""
    return job_id in _active_jobs


def _others_wait(job: Job) -> bool:
    """Whether a job waits that this process could do, and that somebody waits for."""
    waiting = due_jobs(timezone.now()).filter(kind__in=urgent_kinds(subscribed_queues))
    return waiting.exclude(pk=job.pk).exists()


@contextmanager
def _active(job_id: int) -> Iterator[bool]:
    """Note that a thread of this process works at a job; says whether it is the only one."""
    with _changing:
        first = job_id not in _active_jobs
        _active_jobs.add(job_id)
    try:
        yield first
    finally:
        if first:
            with _changing:
                _active_jobs.discard(job_id)


@contextmanager
def _calling(run: JobRun, next_range: NextRange) -> Iterator[None]:
    """Beside the work, say how far all have come, and call for help while there are unclaimed ranges."""
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
            # also where the dataset is deleted under it: whoever coordinates sees that
            with suppress(DatabaseError, JobStoppedError, ObjectDoesNotExist, DatasetClosedError):
                now = totals(run.job)
                run.record(now.done + now.failed)
                if time.monotonic() - called_at >= CALL_EVERY_S and next_range(last_id(run.job)) is not None:
                    called_at = time.monotonic()
                    _send_calls(run.job)
    finally:
        connection.close()


def _send_calls(job: Job) -> None:
    # with the broker away the work goes on without help
    with suppress(broker.BrokerAwayError):
        for _ in range(CALLED_AT_ONCE):
            # what nobody heard before the next call is out of date
            broker.send_help(job.pk, job.kind, expires_s=CALL_EVERY_S)
