"""Does jobs: a queued one, one of this process's own, or one that is done in the moment of its making."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone

from gallery.access import audit
from gallery.errors import SemsearchError
from gallery.jobs.claimed import ClaimedJob, claim, create_claimed
from gallery.jobs.errors import JobInterruptedError, JobStoppedError
from gallery.jobs.heartbeat import beating, ending
from gallery.jobs.kinds import Handler, job_type
from gallery.jobs.processes import process_is_gone
from gallery.jobs.queueing import call_hooks, publish, record_start
from gallery.jobs.transient_errors import is_transient
from gallery.models import Dataset, Job
from gallery.public_text import with_details
from gallery.system.open_datasets import CLOSED, DatasetClosedError, hold_open

logger = logging.getLogger(__name__)


def perform(job_id: int, *, gives_way: bool = False, tries_again: bool = False) -> Job | None:
    """Claim a job, do its work and record how it ended; returns None when it was not ours to do.

    A job that `gives_way` goes back to the queue, where it allows that, when more urgent work waits. One that
    `tries_again` rests there after an error that may pass.
    """
    run = None if ending() else claim(job_id)
    if run is None:
        return None
    run.gives_way = gives_way
    with beating(run), audit.acting_as(audit.by_job(job_id, run.job.kind)):
        _do(run, tries_again=tries_again)
    ended = Job.objects.filter(pk=job_id).first()
    call_hooks(ended or run.job, removed=ended is None)
    return ended


def _do(run: ClaimedJob, *, tries_again: bool) -> None:
    try:
        result = job_type(run.job.kind).handler(run)
    except JobStoppedError:
        logger.info("Job %s was stopped.", run.job.pk)
    except JobInterruptedError as interruption:
        run.requeue(str(interruption))
    except SemsearchError as error:
        if not (tries_again and is_transient(error) and run.try_again(error.detail)):
            run.finish(Job.State.FAILED, error=with_details(error.detail, error.inner), final=error.final)
    except Exception as error:  # the per-job boundary: whatever happens is recorded, never lost
        if _was_taken_away(run):
            # what it worked on was deleted under it, with its dataset
            logger.info("Job %s was stopped, and met %s.", run.job.pk, type(error).__name__)
            return
        logger.exception("Job %s failed", run.job.pk)
        words = f"{type(error).__name__}: {error}"
        if not (tries_again and is_transient(error) and run.try_again(words)):
            run.finish(Job.State.FAILED, error=words)
    else:
        run.finish(Job.State.SUCCEEDED, result=result)


def _was_taken_away(run: ClaimedJob) -> bool:
    """Whether a job was cancelled or is gone; a database that cannot tell has the error recorded."""
    try:
        return not run.is_ours()
    except DatabaseError:
        return False


def perform_now(kind: str, dataset: Dataset | None, **parameters: Any) -> Job:
    """Do a job in this process, as the management commands do; goes on with one whose process was killed.

    Raises: SemsearchError with the job's error when it failed; DatasetClosedError when its dataset went.
    """
    # "published" to ourselves: a worker that starts in this moment must not take it
    mine = {"state": Job.State.QUEUED, "dispatched_at": timezone.now()}
    job = _abandoned(kind, dataset, parameters)
    if job is None:
        with transaction.atomic():
            if dataset is not None:
                hold_open(dataset)
            job = record_start(Job.objects.create(kind=kind, dataset=dataset, parameters=parameters, **mine))
    else:
        Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, worker=job.worker).update(**mine)
    ended = perform(job.pk, gives_way=False)
    if dataset is not None and (ended is None or ended.message == CLOSED):
        raise DatasetClosedError(f"Job {job.pk} did not finish: {CLOSED}")
    if ended is None or ended.state != Job.State.SUCCEEDED:
        why = ended.error or ended.message if ended else CLOSED
        raise SemsearchError(f"Job {job.pk} did not finish: {why}")
    return ended


def _abandoned(kind: str, dataset: Dataset | None, parameters: Mapping[str, object]) -> Job | None:
    """Return the same job, begun by a process of this host that no longer exists."""
    running = Job.objects.filter(kind=kind, dataset=dataset, state=Job.State.RUNNING).order_by("pk")
    same = (job for job in running if job.parameters == parameters and process_is_gone(job.worker))
    return next(same, None)


def perform_at_once(kind: str, dataset: Dataset, work: Handler, **parameters: Any) -> Job:
    """Make a job and do it at once by `work`, which has what the handler of the kind would have to fetch.

    Where `work` fails or this process dies over it, the job waits for a worker like any other, whose handler
    goes by the `parameters`.

    Raises: DatasetClosedError.
    """
    run = create_claimed(Job(kind=kind, dataset=dataset, parameters=parameters))
    try:
        with beating(run):
            result = work(run)
    except JobStoppedError:
        logger.info("Job %s was stopped.", run.job.pk)
    except Exception as error:  # the per-job boundary: a worker tries it, and records what is wrong with it
        if _was_taken_away(run):
            return run.job
        logger.exception("Job %s could not be done at once", run.job.pk)
        words = error.detail if isinstance(error, SemsearchError) else f"{type(error).__name__}: {error}"
        if run.requeue(f"Left to a worker: {words}"):
            transaction.on_commit(partial(publish, run.job.pk, kind))
    else:
        run.finish(Job.State.SUCCEEDED, result=result)
    return run.job
