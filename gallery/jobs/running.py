"""Does jobs: a queued one, one of this process's own, or one that is done in the moment of its making."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone

from gallery.access import audit
from gallery.errors import DatabaseAwayError, DiskFullError, SemsearchError
from gallery.jobs.claimed import ClaimedJob, claim, create_claimed
from gallery.jobs.errors import JobInterruptedError, JobStoppedError
from gallery.jobs.heartbeat import beating, ending
from gallery.jobs.kinds import Handler, job_type, kinds_that_need_space
from gallery.jobs.processes import process_is_gone
from gallery.jobs.queueing import call_hooks, publish, record_start
from gallery.jobs.transient_errors import is_transient
from gallery.models import Dataset, Job
from gallery.public_text import with_details
from gallery.system import log_context, outages
from gallery.system.home import disk_space
from gallery.system.open_datasets import CLOSED, DatasetClosedError, hold_open

logger = logging.getLogger(__name__)

STOPPED_BY_HAND = "Stopped by Ctrl-C; a worker goes on with it, or the same command."


def perform(job_id: int, *, gives_way: bool = False, tries_again: bool = False) -> Job | None:
    """Claim a job, do its work and record how it ended; returns None when it was not ours to do.

    A job that `gives_way` goes back to the queue, where it allows that, when more urgent work waits. One that
    `tries_again` rests there after an error that may pass.
    """
    if ending() or _rests(job_id):
        return None
    run = claim(job_id)
    if run is None:
        return None
    run.gives_way = gives_way
    with (
        log_context.of_job(job_id, run.job.request_id),
        beating(run),
        audit.acting_as(audit.by_job(job_id, run.job.kind)),
    ):
        logger.info("Job %d (%s) begins.", job_id, run.job.kind)
        _do(run, tries_again=tries_again)
    ended = Job.objects.filter(pk=job_id).first()
    call_hooks(ended or run.job, removed=ended is None)
    return ended


def _rests(job_id: int) -> bool:
    """Whether a queued job waits for free space on the disk; it says so, where there is space for that."""
    if not disk_space.is_low():
        return False
    waits = Job.objects.filter(pk=job_id, state=Job.State.QUEUED, kind__in=kinds_that_need_space())
    with outages.left_for_later():
        waits.update(message=disk_space.RESTS, dispatched_at=None, publish_count=0)
    return waits.exists()


def _do(run: ClaimedJob, *, tries_again: bool) -> None:
    try:
        result = job_type(run.job.kind).handler(run)
    except JobStoppedError:
        logger.info("Job %s was stopped.", run.job.pk)
    except JobInterruptedError as interruption:
        run.requeue(str(interruption))
    except KeyboardInterrupt:
        run.requeue(STOPPED_BY_HAND)
        raise
    except SemsearchError as error:
        if _put_aside(run, error, tries_again=tries_again):
            return
        if not (tries_again and is_transient(error) and run.try_again(error.detail)):
            words = with_details(error.detail, error.inner)
            run.finish(Job.State.FAILED, error=words, code=error.code, final=error.final)
    except Exception as error:  # the per-job boundary: whatever happens is recorded, never lost
        if _put_aside(run, error, tries_again=tries_again):
            return
        if _was_taken_away(run):
            # what it worked on was deleted under it, with its dataset
            logger.info("Job %s was stopped, and met %s.", run.job.pk, type(error).__name__)
            return
        words = f"{type(error).__name__}: {error}"
        if tries_again and is_transient(error) and run.try_again(words):
            logger.warning("Job %d (%s) is tried again later: %s", run.job.pk, run.job.kind, words)
        else:
            logger.exception("Job %s failed", run.job.pk)
            run.finish(Job.State.FAILED, error=words)
    else:
        run.finish(Job.State.SUCCEEDED, result=result)


def _was_taken_away(run: ClaimedJob) -> bool:
    """Whether a job was cancelled or is gone; a database that cannot tell has the error recorded."""
    try:
        return not run.is_ours()
    except DatabaseError:
        return False


def _put_aside(run: ClaimedJob, error: Exception, *, tries_again: bool) -> bool:
    """Put a job back that met a full disk, or a database that was away, which is no failure of its own.

    Returns False for any other error. A worker waits until the database can be told. Raises: SemsearchError,
    in a command, whose job is taken up by its next start or by a worker.
    """
    found = error if isinstance(error, DiskFullError) else outages.passing(error)
    if not isinstance(found, (DiskFullError, DatabaseAwayError)):
        return False
    logger.info("Job %s goes back to the queue: %s", run.job.pk, error)
    words = disk_space.RESTS if isinstance(found, DiskFullError) else "The database was away; goes on."
    if not tries_again and isinstance(found, DatabaseAwayError):
        raise found from error
    outages.persistently(partial(run.requeue, words), ending)
    return True


def perform_now(kind: str, dataset: Dataset | None, **parameters: Any) -> Job:
    """Do a job in this process, as the management commands do; goes on with one that was stopped or killed.

    Raises: SemsearchError with the job's error when it failed; DatasetClosedError when its dataset went;
    DiskFullError.
    """
    if job_type(kind).needs_space:
        disk_space.check()
    # "published" to ourselves: a worker that starts in this moment must not take it
    mine = {"state": Job.State.QUEUED, "dispatched_at": timezone.now()}
    job = _abandoned(kind, dataset, parameters)
    if job is None:
        with transaction.atomic():
            if dataset is not None:
                hold_open(dataset)
            job = record_start(Job.objects.create(kind=kind, dataset=dataset, parameters=parameters, **mine))
    else:
        Job.objects.filter(pk=job.pk, state=job.state, worker=job.worker).update(**mine)
    ended = perform(job.pk, gives_way=False)
    if dataset is not None and (ended is None or ended.message == CLOSED):
        raise DatasetClosedError(f"Job {job.pk} did not finish: {CLOSED}")
    if ended is None or ended.state != Job.State.SUCCEEDED:
        why = (ended.error or ended.message) if ended else CLOSED
        raise SemsearchError(f"Job {job.pk} did not finish: {why}")
    return ended


def _abandoned(kind: str, dataset: Dataset | None, parameters: Mapping[str, object]) -> Job | None:
    """Return the same job that Ctrl-C stopped, or that a process of this host began that is no more."""
    alike = Job.objects.filter(kind=kind, dataset=dataset).order_by("pk")
    stopped = alike.filter(state=Job.State.QUEUED, message=STOPPED_BY_HAND)
    begun = (job for job in alike.filter(state=Job.State.RUNNING) if process_is_gone(job.worker))
    return next((job for job in (*stopped, *begun) if job.parameters == parameters), None)


def perform_at_once(kind: str, dataset: Dataset, work: Handler, **parameters: Any) -> Job:
    """Make a job and do it at once by `work`, which has what the handler of the kind would have to fetch.

    Where `work` fails or this process dies over it, the job waits for a worker like any other, whose handler
    goes by the `parameters`.

    Raises: DatasetClosedError.
    """
    run = create_claimed(Job(kind=kind, dataset=dataset, parameters=parameters))
    with log_context.of_job(run.job.pk, run.job.request_id):
        _do_at_once(run, work)
    return run.job


def _do_at_once(run: ClaimedJob, work: Handler) -> None:
    try:
        with beating(run):
            result = work(run)
    except JobStoppedError:
        logger.info("Job %s was stopped.", run.job.pk)
    except Exception as error:  # the per-job boundary: a worker tries it, and records what is wrong with it
        if _was_taken_away(run):
            return
        if outages.passing(error) is None:
            logger.exception("Job %s could not be done at once", run.job.pk)
        words = error.detail if isinstance(error, SemsearchError) else f"{type(error).__name__}: {error}"
        if run.requeue(f"Left to a worker: {words}"):
            transaction.on_commit(partial(publish, run.job.pk, run.job.kind))
    else:
        run.finish(Job.State.SUCCEEDED, result=result)
